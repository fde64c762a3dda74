// The one exception type for errors that a user can cause: what, where, expected, received, hint.
// Programmer errors are not exceptions: they are assertions (STET_ASSERT), which end the program.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace stet {

/// The sort of a user error. The value is the program's exit code (design, section 12).
enum class ErrorKind : int {
  internal = 1,       ///< nothing that a user did: an exception of another type, out of memory
  config = 2,         ///< usage, command line, configuration
  data = 3,           ///< a data, tokenizer or model file
  plugin = 4,         ///< a plugin that cannot be used
  checkpoint = 5,     ///< a checkpoint that cannot be written or read
  numerical = 6,      ///< a loss or gradient that is not finite
  communication = 7,  ///< MPI, or a rank that failed
};

/// Exit code of a run that was stopped, has a checkpoint, and goes on when started again.
inline constexpr int exit_resumable = 75;

/// An error with everything a user needs to mend it. Build it in one expression:
/// `throw Error(ErrorKind::data, "missing tensor 'a'").at(file).expected("...").received("...").hint("...")`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string message);

  Error& at(std::string where);                                                  ///< a file, or a rank and step
  Error& at(const std::string& file, std::size_t line, std::size_t column = 0);  ///< 1-based; 0: none
  Error& expected(std::string text);
  Error& received(std::string text);
  Error& hint(std::string text);
  /// What serves who mends it and nobody else, such as the stack of a foreign exception: part of a run's record, not of
  /// what().
  Error& detail(std::string text);
  /// Puts an outer place before the present one: "arm sft, step 3" before "plugin 'x'".
  Error& within(const std::string& outer);

  /// Every rank of the group throws this error at the same place (collectively() says so): nobody needs to be told of
  /// it.
  Error& known_to_all() noexcept {
    known_to_all_ = true;
    return *this;
  }

  [[nodiscard]] bool is_known_to_all() const noexcept { return known_to_all_; }
  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] int exit_code() const noexcept { return static_cast<int>(kind_); }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& expected() const noexcept { return expected_; }
  [[nodiscard]] const std::string& received() const noexcept { return received_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  /// The whole text, one line for each part that is present; detail() is not shown.
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void compose();

  ErrorKind kind_;
  std::string message_, where_, expected_, received_, hint_, detail_, text_;
  bool known_to_all_ = false;
};

/// All parts as one text of bytes, for another process; the second undoes the first. unpack_error throws Error
/// (internal) for anything else than what pack_error gave.
[[nodiscard]] std::string pack_error(const Error& error);
[[nodiscard]] Error unpack_error(std::string_view packed);

/// The exception that is being handled (call it in a catch block) as an Error: an Error as it is, anything else as
/// `kind` with its type, the first lines of its text, and the rest as detail().
[[nodiscard]] Error current_error(ErrorKind kind);

/// The message for an exception of any type (Error's whole text, or what()).
[[nodiscard]] std::string describe(const std::exception& error);

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace stet

/// A condition that only a programming error can break. Active in every build type.
#define STET_ASSERT(condition) \
  (static_cast<bool>(condition) ? void(0) : ::stet::assertion_failed(#condition, __FILE__, __LINE__))
