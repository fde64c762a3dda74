#include <stet/base/shown.hpp>

#include <stet/base/strings.hpp>
#include <stet/base/utf8.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <system_error>

namespace stet {

namespace {

/// Marks without a glyph of their own that turn the direction of what stands around them (Unicode, UAX #9): with them a
/// text reads otherwise than it is.
bool turns_direction(char32_t value) {
  return value == 0x061C || value == 0x200E || value == 0x200F || (value >= 0x202A && value <= 0x202E) ||
         (value >= 0x2066 && value <= 0x2069);
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = decode_code_point(text);
    const std::string_view bytes = text.substr(0, point.size);
    text.remove_prefix(point.size);
    if (!point.valid) {
      for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else if ((point.value < 0x20 && point.value != '\n' && point.value != '\t') || point.value == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(point.value));
    } else if ((point.value >= 0x80 && point.value < 0xA0) || turns_direction(point.value)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<unsigned>(point.value));
    } else {
      out += bytes;
    }
  }
  return out;
}

std::string spreadsheet_text(std::string_view text) {
  // OWASP, "CSV Injection": these begin a formula.
  static constexpr std::array<std::string_view, 10> begins = {"=",  "+",      "-",      "@",      "\t",
                                                              "\r", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  if (std::none_of(begins.begin(), begins.end(), [&](std::string_view begin) { return text.starts_with(begin); }))
    return std::string(text);
  const std::vector<std::string> parts = split(text, ';');  // a column of values by seed
  if (std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return is_number(part); }))
    return std::string(text);
  return "'" + std::string(text);
}

std::string markdown_text(std::string_view text) {
  std::string out;
  const std::string harmless = terminal_text(text);
  for (std::size_t i = 0; i < harmless.size(); ++i) {
    const char c = harmless[i];
    if (c == '\n' || c == '\t') {
      out += ' ';
      continue;
    }
    const char next = i + 1 < harmless.size() ? harmless[i + 1] : ' ';
    // Brackets stay as they are in intervals: they are a link only with what follows here.
    const bool ends_link_text = c == ']' && std::string_view("([:").find(next) != std::string_view::npos;
    const bool begins_entity = c == '&' && (next == '#' || std::isalnum(static_cast<unsigned char>(next)) != 0);
    const bool begins_heading = c == '#' && i == 0;
    if (std::string_view("\\|*`<_~$").find(c) != std::string_view::npos || ends_link_text || begins_entity ||
        begins_heading)
      out += '\\';
    out += c;
  }
  return out;
}

}  // namespace stet
