#include <stet/plan/content_stamps.hpp>

#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <vector>

namespace stet {

namespace {

// A line an entry: stamp, content and absolute path, divided by tabs. A path with a line break is never kept.
constexpr std::string_view heading = "stet content stamps 1";
constexpr std::time_t settled_seconds = 3;  // coarser than any file system's clock

std::string key_of(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

ContentStamps::ContentStamps(std::filesystem::path file) : file_(std::move(file)) {
  std::error_code ignored;
  if (!std::filesystem::exists(file_, ignored)) return;
  try {
    const std::vector<std::string> lines = split(read_file(file_), '\n');
    if (lines.empty() || lines.front() != heading) return;
    for (const std::string& line : lines) {
      const std::vector<std::string> parts = split(line, '\t');
      if (parts.size() == 3) entries_[parts[2]] = {parts[0], parts[1]};
    }
  } catch (const std::exception& error) {
    log::debug("not read, so contents are looked at again: {}", error.what());
  }
}

std::optional<std::string> ContentStamps::stamp(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  const std::time_t newest = std::max(status.st_mtim.tv_sec, status.st_ctim.tv_sec);
  if (std::time(nullptr) - newest < settled_seconds) return std::nullopt;
  return fmt::format("{} {}:{} {} {}", status.st_size, status.st_dev, status.st_ino, nanoseconds(status.st_mtim),
                     nanoseconds(status.st_ctim));
}

std::optional<std::string> ContentStamps::recall(const std::filesystem::path& path) const {
  const auto found = entries_.find(key_of(path));
  if (found == entries_.end() || stamp(path) != found->second.stamp) return std::nullopt;
  return found->second.content;
}

void ContentStamps::remember(const std::filesystem::path& path, const std::optional<std::string>& stamp,
                             const std::string& content) {
  const std::string key = key_of(path);
  if (!stamp || key.find_first_of("\n\t") != std::string::npos || ContentStamps::stamp(path) != stamp) return;
  entries_[key] = {*stamp, content};
  changed_ = true;
}

void ContentStamps::save() noexcept {
  try {
    if (!changed_ || !std::filesystem::is_directory(file_.parent_path())) return;
    std::string text = fmt::format("{}\n", heading);
    for (const auto& [path, entry] : entries_) text += fmt::format("{}\t{}\t{}\n", entry.stamp, entry.content, path);
    write_file_atomically(file_, text);
    changed_ = false;
  } catch (const std::exception& error) {
    log::debug("not kept, so contents are looked at again at the next start: {}", error.what());
  }
}

}  // namespace stet
