// The results of the conformance kit's checks as they come, in a file, so that a process that a plugin takes with it is
// followed by one that knows what was found and which check it was.
#pragma once

#include <stet/conformance/conformance.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// A file of JSON lines. Written by one process at a time; what is there when it is opened is read.
class CheckJournal {
 public:
  using Key = std::pair<std::string, std::string>;  ///< class "KIND/NAME", check

  /// `time_limit`: seconds for one check, after which SIGALRM ends the process. Throws Error (checkpoint) if the file
  /// cannot be read.
  explicit CheckJournal(std::filesystem::path file, unsigned time_limit = 0);

  [[nodiscard]] unsigned time_limit() const noexcept { return time_limit_; }
  [[nodiscard]] const CheckResult* result(const Key& key) const;
  /// Whether its result was written by crash(): the check never came to an end.
  [[nodiscard]] bool crashed(const Key& key) const;
  /// The check that was begun last, if it has no result.
  [[nodiscard]] std::optional<Key> unfinished() const;

  void begin(const Key& key);
  void end(const Key& key, const CheckResult& result);
  void crash(const Key& key, const CheckResult& result);

  /// All is done: `title` is the plugin in a line.
  void finish(const std::string& title, std::span<const ClassReport> reports);
  /// The command ended with an error that it has said itself.
  void give_up();
  [[nodiscard]] bool ended() const noexcept { return title_.has_value() || gave_up_; }
  [[nodiscard]] bool gave_up() const noexcept { return gave_up_; }
  [[nodiscard]] const std::optional<std::string>& title() const noexcept { return title_; }
  [[nodiscard]] const std::vector<ClassReport>& reports() const noexcept { return reports_; }

 private:
  void append(const std::string& line) const;
  void take(const std::string& line);

  std::filesystem::path file_;
  unsigned time_limit_;
  std::map<Key, std::pair<CheckResult, bool>> results_;  // and whether it crashed
  std::optional<Key> begun_;
  std::optional<std::string> title_;
  bool gave_up_ = false;
  std::vector<ClassReport> reports_;
};

}  // namespace stet
