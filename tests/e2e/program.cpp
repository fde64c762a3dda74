#include "program.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace stet::e2e {

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    ADD_FAILURE() << "cannot read " << file;
    return {};
  }
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

void write(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

::testing::AssertionResult has(std::string_view text, std::string_view part) {
  if (contains(text, part)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
}

::testing::AssertionResult ended_with(const Outcome& outcome, int code) {
  if (outcome.code == code) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "exit code " << outcome.code << ", signal " << outcome.signal << ", expected "
                                       << code << "\n--- stdout\n"
                                       << outcome.out << "\n--- stderr\n"
                                       << outcome.err;
}

namespace {

/// Environment variables by which a launcher, or stet, would speak to the program through us.
bool is_foreign(std::string_view name) {
  for (const std::string_view prefix : {"OMPI_", "PMIX_", "PMI_", "PRTE_", "SLURM_", "STET_"}) {
    if (name.starts_with(prefix) && !name.starts_with("OMPI_ALLOW_")) return true;
  }
  return false;
}

std::vector<std::string> make_environment(const std::map<std::string, std::string>& more) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos && !is_foreign(text.substr(0, equals)))
      all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const char* name :
       {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"})
    all[name] = "1";
  all["OMPI_MCA_btl"] = "^tcp";
  for (const auto& [name, value] : more) all[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : all) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// Parent of a process, by /proc; 0 if it is gone.
pid_t parent_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const std::size_t after = line.rfind(')');  // the name before it may hold anything
  if (after == std::string::npos) return 0;
  std::istringstream rest(line.substr(after + 1));
  char state = 0;
  pid_t parent = 0;
  rest >> state >> parent;
  return parent;
}

}  // namespace

Process::Process(const Words& words, const fs::path& folder, const std::map<std::string, std::string>& environment) {
  std::vector<std::string> arguments = words, variables = make_environment(environment);
  const std::vector<char*> argv = pointers(arguments), envp = pointers(variables);
  const std::string out = output_ / "out", err = output_ / "err";
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans of what we start are ours to bury
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    const int in_file = ::open("/dev/null", O_RDONLY), out_file = ::open(out.c_str(), O_WRONLY | O_CREAT, 0600),
              err_file = ::open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(in_file, 0);
    ::dup2(out_file, 1);
    ::dup2(err_file, 2);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

Process::~Process() {
  if (!ended_) kill_tree();
}

std::vector<pid_t> Process::tree() const {
  std::map<pid_t, pid_t> parents;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) {
      parents[static_cast<pid_t>(std::stol(name))] = parent_of(static_cast<pid_t>(std::stol(name)));
    }
  }
  std::vector<pid_t> found = {pid_};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& [pid, parent] : parents) {
      if (parent == found[i]) found.push_back(pid);
    }
  }
  return found;
}

void Process::bury(const std::vector<pid_t>& pids) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (const pid_t pid : pids) {
    while (true) {
      int status = 0;
      const pid_t buried = ::waitpid(pid, &status, WNOHANG);
      if (buried == pid && pid == pid_) {
        ended_ = true;
        outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        outcome_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      }
      if (buried == pid || ::kill(pid, 0) != 0) break;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "process " << pid << " does not die";
        ::kill(pid, SIGKILL);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
}

bool Process::running() {
  if (ended_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  ended_ = true;
  outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return false;
}

void Process::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

void Process::kill_tree() {
  if (!running()) return;
  ::kill(pid_, SIGSTOP);  // so that it starts nothing while we look
  const std::vector<pid_t> all = tree();
  for (const pid_t pid : all) ::kill(pid, SIGKILL);
  bury(all);
}

void Process::kill_root() {
  if (!running()) return;
  ::kill(pid_, SIGSTOP);
  const std::vector<pid_t> all = tree();
  ::kill(pid_, SIGKILL);
  bury(all);
}

Outcome Process::wait(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (running()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "the program does not end";
      kill_tree();
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  outcome_.out = read(output_ / "out");
  outcome_.err = read(output_ / "err");
  return outcome_;
}

std::string stet_program() { return STET_PROGRAM; }

Words stet_words(const Words& arguments) {
  Words words = {stet_program()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Outcome stet(const fs::path& folder, const Words& arguments, const std::map<std::string, std::string>& environment) {
  return Process(stet_words(arguments), folder, environment).wait();
}

#ifdef STET_MPIEXEC
Words on_ranks(int ranks, const Words& arguments) {
  Words words = {STET_MPIEXEC, "--oversubscribe", "-n", std::to_string(ranks), stet_program()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Outcome mpi_stet(int ranks, const fs::path& folder, const Words& arguments,
                 const std::map<std::string, std::string>& environment) {
  return Process(on_ranks(ranks, arguments), folder, environment).wait();
}
#endif

std::vector<fs::path> find_all(const fs::path& folder, const std::string& name) {
  std::vector<fs::path> found;
  std::error_code vanished;  // a program at work renames and removes folders: then all is looked at again
  do {
    found.clear();
    vanished.clear();
    for (fs::recursive_directory_iterator at(folder), end; at != end; at.increment(vanished)) {
      if (at->path().filename() == name) found.push_back(at->path());
    }
  } while (vanished);
  std::sort(found.begin(), found.end());
  return found;
}

std::map<std::string, std::string> files_named(const fs::path& folder, const std::string& name) {
  std::map<std::string, std::string> files;
  for (const fs::path& path : find_all(folder, name)) files[fs::relative(path, folder).string()] = read(path);
  return files;
}

}  // namespace stet::e2e
