// Worker processes of `stet run`: copies of this program that work on the same experiment folder, one a core. They share
// nothing but the folder; a crash of one is the failure of its run alone.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

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
  /// Exit codes of those that ended; 128 + n if killed by signal n.
  [[nodiscard]] const std::vector<int>& exit_codes() const noexcept { return codes_; }

 private:
  std::vector<pid_t> running_;
  std::vector<int> codes_;
};

}  // namespace stet
