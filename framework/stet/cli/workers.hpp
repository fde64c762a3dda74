// Worker processes of `stet run`: copies of this program that work on the same experiment folder, one a core. They
// share nothing but the folder; when one dies another takes its place and its task.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/schedule/plan_status.hpp>
#include <stet/schedule/status_board.hpp>
#include <stet/schedule/worker.hpp>

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace stet {

/// How many worker processes `stet run` starts: `jobs`, or (0) one a usable core; no more than there are tasks left.
[[nodiscard]] int worker_count(int jobs, const PlanStatus& status);

class WorkerProcesses {
 public:
  WorkerProcesses() = default;
  ~WorkerProcesses();  ///< terminates and reaps what is left
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;

  /// Starts this program with `arguments`; standard output and error are inherited.
  void start(const std::vector<std::string>& arguments);
  /// Reaps those that ended. Returns how many still run.
  [[nodiscard]] std::size_t poll();
  void signal(int number) const;
  struct Ended {
    pid_t process;
    int code;  ///< 128 + n if killed by signal n
  };
  /// Those that ended, in that order.
  [[nodiscard]] const std::vector<Ended>& ended() const noexcept { return ended_; }
  /// Kills workers that have been stopped (SIGSTOP) for `seconds`, while this process itself ran: they hold tasks that
  /// others could do. To be called every now and then; returns how many were killed.
  [[nodiscard]] int end_stopped(double seconds);

 private:
  std::vector<pid_t> running_;
  std::map<pid_t, double> stopped_;  // seconds seen so
  Stopwatch since_look_;
  std::vector<Ended> ended_;
};

/// How many workers that died, or left because their task hung, are to be replaced: all as long as something is open,
/// but not without end.
class Replacements {
 public:
  /// A task is given up after two deaths; some more are for those who die outside of any.
  explicit Replacements(int tasks) : left_(2 * tasks + 2) {}

  [[nodiscard]] int wanted(const std::vector<WorkerProcesses::Ended>& ended, const StatusBoard& board,
                           const PlanStatus& status);

 private:
  std::size_t seen_ = 0;
  int left_;
};

}  // namespace stet
