// Small text helpers: nearest name ("did you mean"), joining, durations and counts as people read them, whole numbers.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace stet {

/// Number of single-character insertions, deletions, substitutions and neighbour swaps between two words.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `word`, or an empty string if none is near (at most a third of its length, at least 2).
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "did you mean 'x'?", or "known: a, b, c" if nothing is near.
[[nodiscard]] std::string suggestion(std::string_view word, std::span<const std::string> candidates);

[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);
/// Without blanks and line breaks at both ends; of `text`.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// Pieces between separators; empty pieces are kept.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string format_duration(double seconds);  ///< "4.2 s", "3 min 05 s", "2 h 10 min"
[[nodiscard]] std::string format_count(double number);      ///< "999", "12.3k", "4.5M"
[[nodiscard]] std::string format_bytes(double bytes);       ///< "12 kB", "3.4 GB" (powers of 1000)
/// As a field of a CSV file (RFC 4180): in quotes if it holds a comma, a quote or a line break.
[[nodiscard]] std::string csv_field(std::string_view text);
/// As a JSON string, quotes included; bytes that are no control characters stay as they are.
[[nodiscard]] std::string json_string(std::string_view text);
/// As one word of a POSIX shell's command line: in single quotes where a character needs them.
[[nodiscard]] std::string shell_word(std::string_view text);
/// fnmatch(3) pattern: '*', '?' and '[...]' over the whole text; '*' also crosses dots.
[[nodiscard]] bool matches_pattern(const std::string& pattern, const std::string& text);

/// The number that the whole text is, in decimal; nothing where it is anything else (blanks or a plus sign around it,
/// out of the type's range).
template <class Integer>
[[nodiscard]] std::optional<Integer> whole_number(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace stet
