// A whole number from text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace stet {

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
