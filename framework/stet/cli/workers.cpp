#include <stet/cli/workers.hpp>

#include <stet/base/error.hpp>
#include <stet/base/host/control_group.hpp>
#include <stet/checkpoint/stopping.hpp>

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace stet {

int worker_count(int jobs, const PlanStatus& status) {
  const int open = status.runs - status.runs_finished + status.bases - status.bases_finished;
  return std::min(jobs > 0 ? jobs : usable_cores(), std::max(open, 1));
}

WorkerProcesses::~WorkerProcesses() {
  signal(SIGKILL);
  for (const pid_t pid : running_) ::waitpid(pid, nullptr, 0);
}

void WorkerProcesses::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> copy = arguments;
  copy.insert(copy.begin(), "stet-engine");
  std::vector<char*> argv;
  for (std::string& argument : copy) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const pid_t parent = ::getpid();
  // Blocked over fork and exec: the worker lets them through when it has its handlers. One that comes before is kept
  // for it, not deadly.
  sigset_t held, before;
  sigemptyset(&held);
  for (const int number : stop_signals) sigaddset(&held, number);
  ::pthread_sigmask(SIG_BLOCK, &held, &before);
  const pid_t pid = ::fork();
  if (pid != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0)
    throw Error(ErrorKind::communication, std::string("cannot start a worker process: ") + std::strerror(errno));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed parent leaves no orphans; checkpoints make that safe
    if (::getppid() != parent) ::_exit(1);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  running_.push_back(pid);
}

std::size_t WorkerProcesses::poll() {
  for (std::size_t i = 0; i < running_.size();) {
    int status = 0;
    if (::waitpid(running_[i], &status, WNOHANG) == running_[i]) {
      ended_.push_back({running_[i], WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)});
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return running_.size();
}

int WorkerProcesses::end_stopped(double seconds) {
  // A look that comes late: this process was stopped as well (Ctrl-Z), and that time is not the workers' fault.
  const double passed = std::min(since_look_.seconds(), 1.0);
  since_look_.restart();
  int killed = 0;
  for (const pid_t pid : running_) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');  // "PID (NAME) STATE ...", and NAME may hold anything
    const bool stopped = name_end != std::string::npos && name_end + 2 < text.size() &&
                         (text[name_end + 2] == 'T' || text[name_end + 2] == 't');
    double& so_far = stopped_[pid];
    so_far = stopped ? so_far + passed : 0;
    if (so_far <= seconds) continue;
    ::kill(pid, SIGKILL);
    so_far = 0;
    ++killed;
  }
  return killed;
}

void WorkerProcesses::signal(int number) const {
  for (const pid_t pid : running_) ::kill(pid, number);
}

int Replacements::wanted(const std::vector<WorkerProcesses::Ended>& ended, const StatusBoard& board,
                         const PlanStatus& status) {
  int early = 0;
  for (; seen_ < ended.size(); ++seen_) early += board.accounted(std::to_string(ended[seen_].process)) ? 0 : 1;
  if (status.runs_finished + status.failed >= status.runs) return 0;
  early = std::min(early, left_);
  left_ -= early;
  return early;
}

}  // namespace stet
