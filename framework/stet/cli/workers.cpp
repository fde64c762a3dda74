#include <stet/cli/workers.hpp>

#include <stet/base/error.hpp>

#include <csignal>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace stet {

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
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(ErrorKind::communication, std::string("cannot start a worker process: ") + std::strerror(errno));
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
      codes_.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return running_.size();
}

void WorkerProcesses::signal(int number) const {
  for (const pid_t pid : running_) ::kill(pid, number);
}

}  // namespace stet
