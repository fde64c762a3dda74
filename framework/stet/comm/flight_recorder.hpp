// What a process is doing, in a page of memory that outlives it: which hook, which step, which collective. Read by the
// watchdogs of the other ranks while it lives, and by whoever takes over its task when it died. What this is not: a
// log; only the present is kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

struct FlightPage;  // flight_recorder.cpp

/// A copy of a page, as it was at one moment.
struct Flight {
  struct Collective {
    std::uint64_t group = 0;  ///< the communicator, by the same number on all of its ranks
    std::uint64_t count = 0;  ///< collectives entered on it so far, the present one included
    bool inside = false;      ///< it has not returned
    std::string what;         ///< "all_reduce_sum, 1024 floats"
  };
  int process = 0;
  std::string host;
  std::string place;          ///< the plugin's hook that runs, "regularizer 'ewc', begin_phase"; empty: none
  std::uint64_t hooks = 0;    ///< hooks entered so far
  std::uint64_t beats = 0;    ///< raised by every sign of progress
  std::uint64_t alive = 0;    ///< raised by the process's watchdog thread while the process runs at all
  std::string phase;          ///< of training; empty: none yet
  std::int64_t step = -1;     ///< steps done in the run; -1: none yet
  int fatal_signal = 0;       ///< the process is dying of it (SIGSEGV, ...); 0: none
  bool told_to_stop = false;  ///< a signal asked it to stop
  std::vector<Collective> collectives;

  /// "phase 'main', step 3"; empty before the first phase.
  [[nodiscard]] std::string step_text() const;
};

/// Written by the process's own threads without locks; each member says which thread may call it.
class FlightRecorder {
 public:
  FlightRecorder();  ///< the page is in the process's own memory until begin_task()
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  /// From here on the page is the file `folder`/rank-`rank`, new, and `ranks` of them are the group's. Where the file
  /// system cannot map files the page stays in memory: then nobody else sees it. Main thread.
  void begin_task(const std::filesystem::path& folder, int rank, int ranks);
  /// The task came to an end of any kind: the file is removed. Main thread.
  void end_task() noexcept;

  void step(std::string_view phase, std::int64_t step) noexcept;  ///< main thread
  void beat() noexcept;                                           ///< any thread
  void tick() noexcept;                                           ///< the watchdog's thread
  /// Makes the page visible to other hosts (msync). The watchdog's thread.
  void flush() noexcept;

  /// A hook of a plugin runs while this lives. Main thread; not nested.
  class Hook {
   public:
    Hook(FlightRecorder& recorder, std::string_view place) noexcept;
    ~Hook();
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

   private:
    FlightRecorder& recorder_;
  };

  /// A place in the page for a communicator's collectives; -1 where there is none left (they are then not seen). Main
  /// thread.
  [[nodiscard]] int open_group(std::uint64_t group) noexcept;
  void close_group(int slot) noexcept;
  /// A collective is under way while this lives. `what` must outlive the constructor only. The thread that uses the
  /// communicator.
  class Inside {
   public:
    Inside(FlightRecorder& recorder, int slot, const char* what, std::size_t elements = 0) noexcept;
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    FlightRecorder& recorder_;
    int slot_;
  };

  [[nodiscard]] Flight own() const;  ///< any thread
  /// The pages of all ranks of the task, this one's among them, by rank; nothing for one that cannot be read. Empty
  /// outside of a task.
  [[nodiscard]] std::vector<std::optional<Flight>> group() const;
  /// Whether another rank of the task waits in a collective that this one has not entered: a number that changes with
  /// the waiting rank and the collective. Nothing: none does, or it cannot be seen (outside of a task).
  [[nodiscard]] std::optional<std::uint64_t> waited_for() const;
  [[nodiscard]] int rank() const;
  [[nodiscard]] std::filesystem::path folder() const;  ///< of the pages; empty outside of a task

  /// The page of a process that may be dead. Nothing if the file is no page of this version of stet.
  [[nodiscard]] static std::optional<Flight> read(const std::filesystem::path& file);
  /// Pages in `folder` by rank: after begin_task() of another process that never came to end_task().
  [[nodiscard]] static std::vector<Flight> left_in(const std::filesystem::path& folder);

  /// From now on a fatal signal (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) is noted in this recorder's page and said on
  /// standard error with the hook that ran, and then takes its usual course. One recorder a process: the last that
  /// asked.
  void note_fatal_signals();
  /// For a signal handler: a stop was asked for.
  static void note_stop() noexcept;

 private:
  [[nodiscard]] FlightPage& page() const noexcept;

  std::unique_ptr<FlightPage> own_;
  FlightPage* mapped_ = nullptr;
  mutable std::mutex mutex_;  // mapping and unmapping against reading by other threads
  std::filesystem::path folder_;
  int rank_ = 0, ranks_ = 1;
};

}  // namespace stet
