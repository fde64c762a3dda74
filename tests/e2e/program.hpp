// Runs the built program as a user does: in a folder, with its output and exit code kept.
#pragma once

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stet::e2e {

namespace fs = std::filesystem;
using stet::testing::Folder;

using Words = std::vector<std::string>;

/// A program that ended.
struct Outcome {
  int code = -1;   ///< exit code; -1 if it was killed
  int signal = 0;  ///< that killed it; 0: none
  std::string out, err;
};

[[nodiscard]] std::string read(const fs::path& file);
void write(const fs::path& file, std::string_view text);
[[nodiscard]] bool contains(std::string_view text, std::string_view part);
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view part);
[[nodiscard]] ::testing::AssertionResult has(std::string_view text, std::string_view part);
/// The code is the expected one; otherwise its whole output is shown.
[[nodiscard]] ::testing::AssertionResult ended_with(const Outcome& outcome, int code);

/// A started program. Its processes never outlive this object.
class Process {
 public:
  /// `words`: program and arguments. The environment is ours without what launchers and stet itself put there, and with
  /// `environment`. Works in `folder`; output goes to files in a folder of its own.
  Process(const Words& words, const fs::path& folder, const std::map<std::string, std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] bool running();
  void signal(int number) const;
  /// SIGKILL to the whole tree, and waits until all of it is dead.
  void kill_tree();
  /// SIGKILL to the first process alone, and waits until its whole tree is dead: its children must not survive it.
  void kill_root();
  /// Until it ends; a program that takes longer than `limit` is killed and fails the test.
  Outcome wait(std::chrono::seconds limit = std::chrono::seconds(150));

  /// This process and all its descendants, parents first.
  [[nodiscard]] std::vector<pid_t> tree() const;
  /// Waits until all of these are dead.
  void bury(const std::vector<pid_t>& pids);

 private:
  Folder output_;
  pid_t pid_ = -1;
  bool ended_ = false;
  Outcome outcome_;
};

/// The program itself.
[[nodiscard]] std::string stet_program();
/// {"mpirun", "--oversubscribe", "-n", ranks, program, arguments...}
[[nodiscard]] Words on_ranks(int ranks, const Words& arguments);
[[nodiscard]] Words stet_words(const Words& arguments);

/// Runs `stet arguments...` in `folder`.
Outcome stet(const fs::path& folder, const Words& arguments,
             const std::map<std::string, std::string>& environment = {});
Outcome mpi_stet(int ranks, const fs::path& folder, const Words& arguments,
                 const std::map<std::string, std::string>& environment = {});

/// Every file below `folder` whose name is `name`, by its path relative to `folder`, with its bytes.
[[nodiscard]] std::map<std::string, std::string> files_named(const fs::path& folder, const std::string& name);
/// Paths below `folder` whose last part is `name`.
[[nodiscard]] std::vector<fs::path> find_all(const fs::path& folder, const std::string& name);

}  // namespace stet::e2e
