// UTF-8, by utf8proc: checking, decoding, mending, counting, and Unicode white space.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace stet {

/// One code point and the number of bytes that it takes. `valid` is false for an ill-formed sequence; `size` is then
/// the length of its maximal ill-formed part (Unicode 15, section 3.9), at least 1.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;
  bool valid = false;
};

/// The code point at the beginning of `text`, which must not be empty.
[[nodiscard]] CodePoint decode_code_point(std::string_view text);

void append_utf8(std::string& out, char32_t value);

/// Whether a byte of valid UTF-8 is the first of a code point.
[[nodiscard]] constexpr bool begins_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }
[[nodiscard]] std::size_t count_code_points(std::string_view text);

/// Columns of a terminal: two for wide characters, none for marks and control characters, one for what is ill-formed.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// Byte offset of the first ill-formed sequence.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// `text` with every maximal ill-formed part replaced by U+FFFD.
[[nodiscard]] std::string mend_utf8(std::string_view text);

/// Whether valid UTF-8 holds white space alone, or nothing.
[[nodiscard]] bool is_blank(std::string_view text);

/// Lower case, a code point for a code point (Unicode's simple mapping); what is ill-formed stays.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Whether bytes look like UTF-16: a byte order mark of it, or single NUL bytes between others throughout.
[[nodiscard]] bool looks_like_utf16(std::string_view bytes);
/// What to do about such a file.
inline constexpr const char* utf16_hint = "convert the file: iconv -f UTF-16 -t UTF-8";

/// Unicode's White_Space property (as Rust's char::is_whitespace; unlike JavaScript's \s, without U+FEFF and with
/// U+0085).
[[nodiscard]] bool is_white_space(char32_t value);

}  // namespace stet
