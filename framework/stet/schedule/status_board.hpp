// How far the processes of one `stet run` are: a folder with a small file a process. Only for the display, so losing an
// update is harmless.
#pragma once

#include <stet/base/files.hpp>
#include <stet/run/record/progress.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stet {

/// What a process did in all, written when it has no more to do.
struct WorkAccount {
  double busy_seconds = 0, span_seconds = 0;  ///< see WorkerResult
};

class StatusBoard {
 public:
  /// `folder` need not exist. `writer` names the writing process, for instance its rank or process id.
  StatusBoard(std::filesystem::path folder, std::string writer)
      : folder_(std::move(folder)), writer_(std::move(writer)) {}

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  /// Makes the folder. This object is its owner: while it lives, remove_dead() leaves the folder alone.
  void create();
  void remove();

  void publish(const Progress& progress) const;
  void publish(const WorkAccount& account) const;

  [[nodiscard]] std::vector<Progress> progress() const;  ///< of every process
  /// Whether this writer published what it did in all; one that died did not. What it had under way is then taken off
  /// the board.
  [[nodiscard]] bool accounted(const std::string& writer) const;
  [[nodiscard]] WorkAccount account() const;  ///< summed over the processes that wrote one

  /// Removes boards in an experiment's folder whose owner is gone.
  static void remove_dead(const std::filesystem::path& experiment);
  /// Where the board of this process is, in an experiment's folder.
  [[nodiscard]] static std::filesystem::path usual_folder(const std::filesystem::path& experiment);

 private:
  void write(const std::string& name, const std::string& text) const;

  std::filesystem::path folder_;
  std::string writer_;
  std::optional<FileLock> owned_;
};

}  // namespace stet
