#include <stet/plugin/guard.hpp>

#include <algorithm>

namespace stet {

namespace {

/// With where, expected, received and hint a message has no more than ten lines.
constexpr std::ptrdiff_t most_lines = 3;

/// The first lines of a text; what is cut is counted.
std::string first_lines(const std::string& text) {
  const auto lines = std::count(text.begin(), text.end(), '\n');
  if (lines < most_lines) return text;
  std::size_t end = 0;
  for (std::ptrdiff_t line = 0; line < most_lines; ++line) end = text.find('\n', end == 0 ? 0 : end + 1);
  return text.substr(0, end) + " ... (" + std::to_string(lines + 1 - most_lines) + " more lines in the run's record)";
}

}  // namespace

Error hook_error(std::string_view place) {
  Error error = current_error(ErrorKind::plugin);
  if (error.is_known_to_all() || (error.kind() == ErrorKind::config && !error.where().empty())) return error;
  const std::string whole = error.what(), message = first_lines(error.message());
  if (message == error.message()) return error.within(std::string(place));
  Error shorter(error.kind(), message);
  shorter.at(error.where())
      .expected(first_lines(error.expected()))
      .received(first_lines(error.received()))
      .hint(first_lines(error.hint()));
  shorter.detail(error.detail().empty() ? whole : error.detail());
  return shorter.within(std::string(place));
}

std::string hook_place(std::string_view kind, std::string_view key, std::string_view hook) {
  std::string text(kind);
  text += " '";
  text += key;
  text += "', ";
  text += hook;
  return text;
}

}  // namespace stet
