#include <stet/base/captured_process.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace stet {

namespace {

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error(ErrorKind::communication, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int end(std::size_t which) const { return ends_[which]; }
  void close(std::size_t which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }
  /// Appends what is there. False at the end of the stream.
  bool read_into(std::string& text) {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(ends_[0], buffer.data(), buffer.size());
    if (got <= 0) return got < 0 && errno == EINTR;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    constexpr std::size_t most = std::size_t{1} << 20U;
    if (text.size() > most) text.erase(0, text.size() - most);
    return true;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

[[noreturn]] void become(const std::vector<char*>& argv, const std::map<std::string, std::string>& environment, int out,
                         int err, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

CapturedProcess run_captured(const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& environment, double seconds) {
  std::vector<std::string> copy = words;
  std::vector<char*> argv;
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  Pipe out, err;
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid < 0)
    throw Error(ErrorKind::communication, std::string("cannot start ") + words[0] + ": " + std::strerror(errno));
  if (pid == 0) become(argv, environment, out.end(1), err.end(1), parent);
  ::setpgid(pid, pid);  // here too, so that it is done whoever comes first
  out.close(1);
  err.close(1);
  CapturedProcess result;
  const Stopwatch watch;
  bool out_open = true, err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> ends{{{out_open ? out.end(0) : -1, POLLIN, 0}, {err_open ? err.end(0) : -1, POLLIN, 0}}};
    const int ready = ::poll(ends.data(), ends.size(), 100);
    if (ready > 0 && ends[0].revents != 0) out_open = out.read_into(result.out);
    if (ready > 0 && ends[1].revents != 0) err_open = err.read_into(result.err);
    if (watch.seconds() > seconds && !result.timed_out) {
      result.timed_out = true;
      ::kill(-pid, SIGKILL);
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace stet
