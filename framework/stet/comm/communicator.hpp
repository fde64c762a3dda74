// A group of processes that compute together, over MPI or alone. Not a message queue: everything here is collective.
#pragma once

#include <stet/comm/flight_recorder.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// A number that all ranks of a group draw from, each value once: the way a job's parts share a list of tasks.
class SharedCounter {
 public:
  /// Collective over the group it was made from, except while an exception passes: then nothing is waited for.
  virtual ~SharedCounter() = default;
  /// Not collective: any rank at any time. 0, 1, 2, ... over all ranks together.
  [[nodiscard]] virtual std::int64_t next() = 0;
};

/// A group of processes, each with a rank. All members except rank(), size(), concurrent() and abort() are collective:
/// every rank must call them in the same order, with spans of equal length. One thread at a time may use an object.
/// Failures of MPI are Error (communication). A communicator must be destroyed before the Session it came from.
class Communicator {
 public:
  /// What the process does is published in `recorder`, which the communicators made from this one share.
  explicit Communicator(std::shared_ptr<FlightRecorder> recorder = std::make_shared<FlightRecorder>())
      : recorder_(std::move(recorder)) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  /// Not collective, as are the members of what it returns.
  [[nodiscard]] FlightRecorder& recorder() const noexcept { return *recorder_; }

  [[nodiscard]] virtual int rank() const = 0;  ///< 0 .. size() - 1
  [[nodiscard]] virtual int size() const = 0;

  /// Returns when every rank has arrived.
  virtual void barrier() = 0;

  /// Element-wise sum over the ranks, in place. The order of the additions is the MPI library's.
  virtual void all_reduce_sum(std::span<float> values) = 0;
  virtual void all_reduce_sum(std::span<double> values) = 0;
  virtual void all_reduce_sum(std::span<std::int64_t> values) = 0;
  /// Element-wise maximum over the ranks, in place.
  virtual void all_reduce_max(std::span<double> values) = 0;

  /// Element-wise sum in a fixed binary tree over the ranks, in place: ((r0 + r1) + (r2 + r3)) + ... Every rank gets
  /// the same bits, and they are those of the same pairwise tree computed in one process. size() must be a power of
  /// two: otherwise Error (communication). Sends log2(size()) times the data (recursive doubling).
  virtual void tree_all_reduce_sum(std::span<float> values) = 0;
  virtual void tree_all_reduce_sum(std::span<double> values) = 0;

  /// Copies the root's bytes to every rank.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  /// Every rank's text, in rank order. Texts may differ in length and hold any bytes; none is longer than
  /// 2^30 / size() bytes (asserted).
  [[nodiscard]] virtual std::vector<std::string> all_gather(const std::string& mine) = 0;
  /// The root's text, at most 2^30 bytes; the other ranks' argument is ignored.
  [[nodiscard]] virtual std::string broadcast_text(const std::string& text, int root) = 0;

  /// The same group with a context of its own, whose messages never meet this one's. Another thread may use it while
  /// this one is used, if concurrent().
  [[nodiscard]] virtual std::unique_ptr<Communicator> duplicate() = 0;
  /// The ranks that give the same color (0 or more) form a group; they keep their order.
  [[nodiscard]] virtual std::unique_ptr<Communicator> split(int color) = 0;
  /// A new counter, at 0. A rank draws from it also while every other one computes. Groups of several ranks need
  /// concurrent(): otherwise Error (communication).
  [[nodiscard]] virtual std::unique_ptr<SharedCounter> make_counter() = 0;
  /// Whether different threads may use different communicators at the same time (MPI_THREAD_MULTIPLE).
  [[nodiscard]] virtual bool concurrent() const = 0;

  /// Waits up to `seconds` for all ranks to make this call too. False: some rank did not, it is elsewhere (in another
  /// call, or computing); then nothing but abort() may follow. For a rank that leaves with an error and cannot know
  /// whether the others do.
  [[nodiscard]] virtual bool everyone_arrives(double seconds) = 0;

  /// Tells the ranks of each other's failures, on a channel of its own that no other member meets: `failure` is this
  /// rank's, packed (pack_error), or null. Every rank must call it as often as the others do between two collectives; a
  /// rank that failed may be early, and is met by the others' next call. Empty: nobody failed. Otherwise each rank's
  /// failure, "" for one without. Nothing: this rank failed and the others wait in a collective that it will never
  /// enter; the group is lost (see broken()).
  [[nodiscard]] virtual std::optional<std::vector<std::string>> settle(const std::string* failure) = 0;
  /// The ranks cannot come together any more: nothing but abort() may follow.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

  /// Ends all processes of the launch at once with this exit code. For a rank that fails where the others cannot know.
  [[noreturn]] virtual void abort(int exit_code) = 0;

 protected:
  void mark_broken() noexcept { broken_ = true; }
  [[nodiscard]] const std::shared_ptr<FlightRecorder>& shared_recorder() const noexcept { return recorder_; }

 private:
  std::shared_ptr<FlightRecorder> recorder_;
  bool broken_ = false;
};

/// A group of one. No MPI is touched.
[[nodiscard]] std::unique_ptr<Communicator> make_single_process();

/// Collective verdict: runs `work` on this rank, then all ranks learn whether every one succeeded. If any failed, every
/// rank throws an Error with the kind and parts of the first failing rank, whose number is put before `where`
/// ("rank 2: file.toml:3:1"); an exception that is not an Error gets kind internal. So there is one message to
/// print, by rank 0 say, and not one a rank. Such an Error is known_to_all(): an outer collectively() lets it pass.
///
/// `work` may communicate. A rank that fails in it is met by the others at their next verdict, inside `work` or at its
/// end. Where they wait for it in another collective instead, which shows in their flight recorders (during a task), it
/// throws its own error at once and the communicator is broken() there. In a group of one, exceptions pass unchanged.
void collectively(Communicator& communicator, const std::function<void()>& work);

}  // namespace stet
