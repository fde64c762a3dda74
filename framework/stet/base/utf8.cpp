#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace stet {

namespace {
/// Bytes of the code point at the beginning of `text`, at least 1, or an error of utf8proc (below 0).
utf8proc_ssize_t iterate(std::string_view text, utf8proc_int32_t& value) {
  return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                          static_cast<utf8proc_ssize_t>(text.size()), &value);
}
}  // namespace

CodePoint decode_code_point(std::string_view text) {
  STET_ASSERT(!text.empty());
  if (const auto first = static_cast<unsigned char>(text[0]); first < 0x80) return {first, 1, true};
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t size = iterate(text, value);
  if (size > 0) return {static_cast<char32_t>(value), static_cast<std::size_t>(size), true};
  // The maximal ill-formed part: as many bytes as others would complete, or one.
  std::array<char, 4> completed{text[0], '\x80', '\x80', '\x80'};
  std::size_t part = 1;
  for (; part < std::min<std::size_t>(text.size(), 3); ++part) {
    completed[part] = text[part];
    if (iterate({completed.data(), completed.size()}, value) < 0) break;
  }
  return {0, part, false};
}

void append_utf8(std::string& out, char32_t value) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_code_point));
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_code_point(text.substr(i));
    width += point.valid ? static_cast<std::size_t>(utf8proc_charwidth(static_cast<utf8proc_int32_t>(point.value))) : 1;
    i += point.size;
  }
  return width;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      std::uint64_t eight = 0;
      if (text.size() - i >= 8) std::memcpy(&eight, text.data() + i, 8);
      i += text.size() - i >= 8 && (eight & 0x8080808080808080U) == 0 ? 8 : 1;
      continue;
    }
    utf8proc_int32_t value = 0;
    const utf8proc_ssize_t size = iterate(text.substr(i), value);
    if (size < 0) return i;
    i += static_cast<std::size_t>(size);
  }
  return std::nullopt;
}

std::string mend_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (const auto bad = find_invalid_utf8(text)) {
    out += text.substr(0, *bad);
    append_utf8(out, 0xFFFD);
    text.remove_prefix(*bad + decode_code_point(text.substr(*bad)).size);
  }
  return out += text;
}

bool is_white_space(char32_t value) {
  return (value >= 0x09 && value <= 0x0D) || value == 0x20 || value == 0x85 || value == 0xA0 || value == 0x1680 ||
         (value >= 0x2000 && value <= 0x200A) || value == 0x2028 || value == 0x2029 || value == 0x202F ||
         value == 0x205F || value == 0x3000;
}

bool is_blank(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_code_point(text.substr(i));
    if (!is_white_space(point.value)) return false;
    i += point.size;
  }
  return true;
}

std::string lower_case(std::string_view text) {
  std::string lower;
  while (!text.empty()) {
    const CodePoint point = decode_code_point(text);
    if (point.valid) {
      append_utf8(lower, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point.value))));
    } else {
      lower += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
  return lower;
}

bool looks_like_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return true;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\0') continue;
    if (i > 0 && bytes[i - 1] == '\0') return false;
    ++zeros;
  }
  return bytes.size() >= 4 && 3 * zeros >= bytes.size();
}

}  // namespace stet
