#include <stet/config/json.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>
#include <vector>

namespace stet {
namespace {

/// Where brackets first are nested too deep; strings are left out.
std::optional<std::size_t> find_too_deep(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
    } else if (c == '[' || c == '{') {
      if (++depth > deepest_json) return i;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return std::nullopt;
}

/// 1-based column of the byte at `offset`.
std::size_t column_of(std::string_view text, std::size_t offset) {
  const std::size_t begin_of_line = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  return begin_of_line == std::string_view::npos ? offset + 1 : offset - begin_of_line;
}

/// `text` with quotes around each Infinity, -Infinity and NaN outside of strings; empty if there is none.
std::string quote_non_finite(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
      continue;
    }
    for (const std::string_view name : {"Infinity", "-Infinity", "NaN"}) {
      if (!text.substr(i).starts_with(name)) continue;
      out.append(text, done, i - done).append("\"").append(name).append("\"");
      done = i + name.size();
      i = done - 1;
      break;
    }
  }
  return out.empty() ? out : out.append(text, done);
}

/// Knows the keys of the objects that are open.
class DuplicateKeys : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string found;  ///< path of the first key that occurs twice

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool start_object(std::size_t) override {
    open_.emplace_back();
    return true;
  }
  bool end_object() override {
    open_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    const bool is_new = open_.back().keys.insert(name).second;
    open_.back().last = name;
    if (is_new) return true;
    for (const Object& object : open_) found += (found.empty() ? "" : ".") + object.last;
    return false;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  struct Object {
    std::unordered_set<std::string> keys;
    std::string last;
  };
  std::vector<Object> open_;
};

}  // namespace

void refuse_duplicate_keys(const std::string& text, const std::string& where) {
  DuplicateKeys handler;
  if (nlohmann::json::sax_parse(text, &handler)) return;
  STET_ASSERT(!handler.found.empty());
  throw Error(ErrorKind::data, "JSON field \"" + handler.found + "\" occurs twice").at(where);
}

std::size_t line_of(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  return 1 +
         static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

nlohmann::json parse_json(const std::string& given, const std::string& where, NonFinite non_finite) {
  if (looks_like_utf16(given)) {
    throw Error(ErrorKind::data, "text that is not UTF-8")
        .at(where, 1)
        .expected("UTF-8")
        .received("UTF-16")
        .hint(utf16_hint);
  }
  // The parser takes a NUL byte for the end of the text, and would not look at what hides behind it.
  if (const std::size_t nul = given.find('\0'); nul != std::string::npos) {
    throw Error(ErrorKind::data, "malformed JSON")
        .at(where, line_of(given, nul), column_of(given, nul))
        .received("a NUL byte")
        .hint("the file was damaged, by a full disk or a crash while it was written, say: write it again");
  }
  const std::string replaced = non_finite == NonFinite::as_text ? quote_non_finite(given) : "";
  const std::string& text = replaced.empty() ? given : replaced;
  if (const auto offset = find_too_deep(text)) {
    throw Error(ErrorKind::data, "JSON that is nested too deep")
        .at(where, line_of(text, *offset))
        .expected(fmt::format("at most {} arrays and objects inside each other", deepest_json));
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // `byte` counts from 1 and is the position of the last byte read.
    const std::size_t offset = std::min<std::size_t>(error.byte > 0 ? error.byte - 1 : 0, text.size());
    const std::string what = error.what();
    const std::size_t colon = what.find("column ");
    const std::size_t detail = colon == std::string::npos ? std::string::npos : what.find(": ", colon);
    throw Error(ErrorKind::data, "malformed JSON")
        .at(where, line_of(text, offset), column_of(text, offset))
        .received(mend_utf8(detail == std::string::npos ? what : what.substr(detail + 2)));
  } catch (const nlohmann::json::out_of_range& error) {  // 1e999, say; it does not tell where
    const std::string what = error.what();
    throw Error(ErrorKind::data, "malformed JSON")
        .at(where)
        .expected("numbers that a double can hold")
        .received(mend_utf8(what.substr(std::min(what.find("] ") + 2, what.size()))));
  }
}

std::optional<std::int64_t> as_whole(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (!std::in_range<std::int64_t>(number)) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  constexpr double largest = 1LL << 53;
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(std::abs(number) <= largest) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string excerpt(const nlohmann::json& value) {
  constexpr std::size_t longest = 80;
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() <= longest) return text;
  text.resize(longest);
  while (find_invalid_utf8(text)) text.pop_back();
  return text + "...";
}

std::size_t line_of_element(std::string_view text, std::size_t index) {
  int depth = 0;
  std::size_t element = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (depth == 1 && element == index && !space && c != ',' && c != ']') return line_of(text, i);
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 1) ++element;
  }
  STET_ASSERT(!"the array has more than `index` elements");
  return 0;
}

}  // namespace stet
