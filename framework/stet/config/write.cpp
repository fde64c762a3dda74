// The writing half of document.hpp, and describe() of value.hpp: values as text.
#include <stet/base/hash.hpp>
#include <stet/base/utf8.hpp>
#include <stet/config/document.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stet::config {

namespace {

constexpr std::size_t line_width = 100;  // longer arrays get a line an item

std::string toml_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

/// Booleans, integers and reals, whose text is the same everywhere.
std::string plain_text(const Value& value) {
  if (value.is(Value::Kind::boolean)) return value.as_boolean() ? "true" : "false";
  if (value.is(Value::Kind::integer)) return std::to_string(value.as_integer());
  return real_text(value.as_real());
}

std::string string_text(const Value& owner, std::string_view text) {
  if (find_invalid_utf8(text)) {
    throw error_at(owner, "text cannot be written as TOML").expected("UTF-8").received("other bytes");
  }
  return toml_quoted(text);
}

std::string key_text(const Value& owner, const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return bare ? key : string_text(owner, key);
}

bool is_array_of_tables(const Value& value) {
  return value.is(Value::Kind::array) && !value.items().empty() &&
         std::all_of(value.items().begin(), value.items().end(),
                     [](const Value& item) { return item.is(Value::Kind::table); });
}

std::string member_text(const Value& value) {
  std::string text = inline_toml(value);
  if (text.size() <= line_width || !value.is(Value::Kind::array)) return text;
  text = "[\n";
  for (const Value& item : value.items()) text += "  " + inline_toml(item) + ",\n";
  return text + "]";
}

void write_table(std::string& out, const std::string& path, const Value& table) {
  const auto nested = [](const Value& value) { return value.is(Value::Kind::table) || is_array_of_tables(value); };
  for (const auto& [key, value] : table.members()) {
    if (!nested(value)) out += key_text(value, key) + " = " + member_text(value) + "\n";
  }
  for (const auto& [key, value] : table.members()) {
    if (!nested(value)) continue;
    const std::string name = (path.empty() ? "" : path + ".") + key_text(value, key);
    const auto header = [&out](const std::string& text) { out += (out.empty() ? "" : "\n") + text + "\n"; };
    if (value.is(Value::Kind::table)) {
      header("[" + name + "]");
      write_table(out, name, value);
      continue;
    }
    for (const Value& item : value.items()) {
      header("[[" + name + "]]");
      write_table(out, name, item);
    }
  }
}

}  // namespace

std::string describe(const Value& value) {
  constexpr std::size_t longest = 60;
  const std::string kind(kind_name(value.kind()));
  if (value.is(Value::Kind::table)) return kind;
  if (value.is(Value::Kind::array)) return fmt::format("array of {}", value.items().size());
  if (!value.is(Value::Kind::string)) return kind + " " + plain_text(value);
  std::string text = value.as_string();
  if (text.size() > longest) {
    std::size_t end = longest;
    while (end > 0 && !begins_code_point(text[end])) --end;
    text = text.substr(0, end) + "...";
  }
  return kind + " " + toml_quoted(text);
}

std::string inline_toml(const Value& value) {
  if (value.is(Value::Kind::string)) return string_text(value, value.as_string());
  if (value.is(Value::Kind::array)) {
    std::string text = "[";
    for (const Value& item : value.items()) text += (text.size() > 1 ? ", " : "") + inline_toml(item);
    return text + "]";
  }
  if (value.is(Value::Kind::table)) {
    std::string text = "{";
    for (const auto& [key, member] : value.members()) {
      text += (text.size() > 1 ? ", " : " ") + key_text(member, key) + " = " + inline_toml(member);
    }
    return text + (text.size() > 1 ? " }" : "}");
  }
  return plain_text(value);
}

std::string to_toml(const Value& table) {
  std::string out;
  write_table(out, "", table);
  return out;
}

std::string canonical(const Value& value) {
  if (value.is(Value::Kind::string)) return toml_quoted(value.as_string());
  std::string text;
  if (value.is(Value::Kind::array)) {
    for (const Value& item : value.items()) text += (text.empty() ? "" : ",") + canonical(item);
    return "[" + text + "]";
  }
  if (value.is(Value::Kind::table)) {
    std::vector<const std::pair<std::string, Value>*> sorted;
    for (const auto& member : value.members()) sorted.push_back(&member);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* member : sorted) {
      text += (text.empty() ? "" : ",") + toml_quoted(member->first) + ":" + canonical(member->second);
    }
    return "{" + text + "}";
  }
  return plain_text(value);
}

std::string config_hash(const Value& value) { return hash_hex(canonical(value)); }

}  // namespace stet::config
