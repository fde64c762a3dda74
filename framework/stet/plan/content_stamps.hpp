// What large files were found to hold, kept beside their size, inode and times, so that a file is read again only when
// it may have changed. Not a proof: who writes into a file and sets the system's clock back is not noticed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace stet {

class ContentStamps {
 public:
  /// Reads what an earlier process kept in `file`; a file that is absent or not understood is as an empty one.
  explicit ContentStamps(std::filesystem::path file);

  /// What was remembered of `path`, if size, inode, time of change and time of the inode's change are still those of
  /// then.
  [[nodiscard]] std::optional<std::string> recall(const std::filesystem::path& path) const;
  /// Ask for it before reading the contents, and hand it to remember() after: a file that changes meanwhile is not
  /// remembered.
  [[nodiscard]] static std::optional<std::string> stamp(const std::filesystem::path& path);
  /// Remembers `content` (no line break in it) of a file that had this stamp. A file that was written in the last
  /// seconds is not remembered: another write in the same tick of the clock would leave no trace.
  void remember(const std::filesystem::path& path, const std::optional<std::string>& stamp, const std::string& content);

  /// Writes the file if there is something new and its folder exists. A folder that cannot be written costs time at the
  /// next start, and nothing else.
  void save() noexcept;

 private:
  struct Entry {
    std::string stamp, content;
  };
  std::filesystem::path file_;
  std::map<std::string, Entry> entries_;  // by absolute path
  bool changed_ = false;
};

}  // namespace stet
