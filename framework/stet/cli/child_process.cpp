#include <stet/cli/child_process.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/temporary_folder.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>

namespace stet {

namespace {

constexpr std::string_view done = "done";

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

/// In the child. Never returns; no destructors run, and nothing that the parent has registered for its own end.
[[noreturn]] void work_and_leave(Communicator& communicator, const std::function<void()>& work,
                                 const std::filesystem::path& folder, int answer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string said(done);
  try {
    communicator.recorder().begin_task(folder, 0, 1);
    work();
    std::cout.flush();
  } catch (...) {
    said = pack_error(current_error(ErrorKind::plugin));
  }
  std::fflush(stdout);
  write_all(answer, said);
  ::_exit(0);
}

}  // namespace

void run_in_child(Communicator& communicator, const std::function<void()>& work) {
  const TemporaryFolder folder;  // of the flight recorder's page
  std::array<int, 2> answer{};
  if (::pipe2(answer.data(), O_CLOEXEC) != 0)
    throw Error(ErrorKind::internal, "no pipe").received(std::strerror(errno));
  std::fflush(stdout);
  std::cout.flush();
  const pid_t child = ::fork();
  if (child < 0) throw Error(ErrorKind::internal, "no process").received(std::strerror(errno));
  if (child == 0) work_and_leave(communicator, work, folder.path(), answer[1]);
  ::close(answer[1]);
  const std::string said = read_all(answer[0]);
  ::close(answer[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (said == done) return;
  if (!said.empty()) throw unpack_error(said);
  const std::vector<Flight> flights = FlightRecorder::left_in(folder.path());
  const std::string hook = flights.empty() ? "" : flights.front().place,
                    step = flights.empty() ? "" : flights.front().step_text();
  Error error(ErrorKind::plugin, WIFSIGNALED(status)
                                     ? fmt::format("the process that tried the steps died of signal {} ({})",
                                                   WTERMSIG(status), ::strsignal(WTERMSIG(status)))
                                     : fmt::format("the process that tried the steps ended itself with exit code {}",
                                                   WEXITSTATUS(status)));
  if (!hook.empty()) error.at(step.empty() ? hook : hook + ", " + step);
  throw error.hint(hook.empty() ? "no plugin's hook ran"
                                : "the cause is in that hook; `stet plugin check` tries it by itself");
}

}  // namespace stet
