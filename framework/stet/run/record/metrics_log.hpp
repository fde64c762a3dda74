// metrics.jsonl: a line a step, in the file while the run goes on (`tail -f`), cut at a resume to what the checkpoint
// has seen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace stet {

/// Appends lines to a file of which a checkpoint holds the length alone. Lines reach the file within a second of the
/// next append(), and with sync().
class MetricsLog {
 public:
  /// Opens nothing yet. `writes`: whether this rank keeps the file; with false all calls do nothing.
  MetricsLog(std::filesystem::path path, bool writes);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  /// Begins with the first `bytes` of what there is; the rest is removed. Call once, before the first line. If the file
  /// is shorter (somebody removed it), goes on with what is there and warns. Throws Error (data) if it cannot be
  /// written.
  void cut(std::uint64_t bytes);
  /// One line, without its end. Never throws: what could not be written is told by sync().
  void append(std::string_view line) noexcept;
  /// Makes all lines durable, in a new file if somebody removed the one that was begun, and returns the file's length
  /// in bytes. Throws Error (data) if any could not be written.
  std::uint64_t sync();

 private:
  void flush() noexcept;
  void restore();  // writes the file again if its name does not lead to it any more

  std::filesystem::path path_;
  bool writes_;
  int descriptor_ = -1;
  int failure_ = 0;  // errno of the first write that failed
  std::uint64_t size_ = 0;
  std::string waiting_;
  double flushed_ = 0;  // unix time
};

}  // namespace stet
