// The program `stet`: sets the environment that the libraries below libtorch read when they are loaded, then becomes
// `stet-engine`, which lies beside it, with the same arguments. Nothing else happens here,
// but that a run's stop signals are held back meanwhile.
#include <stet/cli/library_environment.hpp>

#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace {

constexpr int exit_usage = 2;

/// This program's own file, with symbolic links resolved. Without /proc: the path it was started with.
std::filesystem::path own_path() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) {
    const auto* started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
    path = std::filesystem::canonical(started == nullptr ? "stet" : started, error);
  }
  return path;
}

/// Signals that ask a run to stop wait until the engine, which is loaded for a second or so, has its handlers
/// (run/stopping.hpp, which this small program does not link). A blocked signal stays blocked, and pending, over exec.
void hold_back_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

int main(int count, char** arguments) {
  namespace launcher = stet::launcher;
  const launcher::GetVariable get = [](const char* name) -> const char* { return std::getenv(name); };
  const launcher::SetVariable set = [](const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
  };
  if (launcher::stops_politely(count, arguments)) hold_back_stop_signals();
  try {
    const int cores = launcher::cores_here(get, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
    const launcher::LibraryEnvironment environment =
        launcher::choose(launcher::detect_cpu(), cores, launcher::ranks_here(get), launcher::threads_wanted(get));
    set("STET_CHOSEN", launcher::apply(environment, get, set));
    const std::filesystem::path engine = own_path().parent_path() / "stet-engine";
    ::execv(engine.c_str(), arguments);
    std::fprintf(stderr, "stet: cannot start %s: %s\n  hint: it is built and installed together with this program\n",
                 engine.c_str(), std::strerror(errno));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stet: %s\n", error.what());
  }
  return exit_usage;
}
