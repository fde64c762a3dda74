// Command-line overrides of document.hpp: "a.b=VALUE".
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>

#include <algorithm>

namespace stet::config {

namespace {

constexpr std::size_t most_components = 64;

struct Assignment {
  std::vector<std::string> path;
  std::string value;
};

Error malformed(const std::string& where, std::string message) {
  return Error(ErrorKind::config, std::move(message)).at(where).expected("key.key=VALUE");
}

/// The position just after the quoted text that begins at `begin`.
std::size_t end_of_quoted(std::string_view text, std::size_t begin, const std::string& where) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[begin] == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == text[begin]) {
      return i + 1;
    }
  }
  throw malformed(where, "quote without an end in the key of an override");
}

/// The value of a TOML text, which must be one value and no more.
Value parse_single(std::string_view text, const std::string& where) {
  const Value table = parse("value = " + std::string(text), where);
  if (table.members().size() != 1) throw malformed(where, "more than one value in an override");
  return table.members().front().second;
}

Assignment split_assignment(const std::string& text, const std::string& where) {
  Assignment assignment;
  std::size_t begin = 0;
  while (true) {
    std::size_t end = begin;
    while (end < text.size() && text[end] != '.' && text[end] != '=') {
      end = text[end] == '"' || text[end] == '\'' ? end_of_quoted(text, end, where) : end + 1;
    }
    if (end == text.size()) throw malformed(where, "override without '='");
    const std::string_view key = trimmed(std::string_view(text).substr(begin, end - begin));
    if (key.empty()) throw malformed(where, "override with an empty key");
    if (key.front() == '"' || key.front() == '\'') {
      try {
        assignment.path.push_back(parse_single(key, where).as_string());
      } catch (const Error& error) {
        throw malformed(where, "cannot read the key " + std::string(key) + " of an override: " + error.message());
      }
    } else {
      assignment.path.emplace_back(key);
    }
    if (assignment.path.size() > most_components) throw malformed(where, "override with too many keys");
    if (text[end] == '=') {
      assignment.value = trimmed(std::string_view(text).substr(end + 1));
      return assignment;
    }
    begin = end + 1;
  }
}

void set_sources(Value& value, const Source& source) {
  value.set_source(source);
  if (value.is(Value::Kind::array)) {
    for (Value& item : value.items()) set_sources(item, source);
  }
  if (value.is(Value::Kind::table)) {
    for (const auto& [key, member] : value.members()) set_sources(*value.find(key), source);
  }
}

/// Looks like the beginning of TOML that has no meaning as a bare word.
bool begins_structure(std::string_view text) { return std::string_view("\"'[{").find(text.front()) != text.npos; }

/// A date or time would be TOML, which we refuse rather than take as text.
bool begins_date(std::string_view text) {
  const auto same = [](char pattern, char c) { return pattern == '9' ? c >= '0' && c <= '9' : pattern == c; };
  const auto shape = [&](std::string_view pattern) {
    return text.size() >= pattern.size() && std::equal(pattern.begin(), pattern.end(), text.begin(), same);
  };
  return shape("9999-99-99") || shape("99:99:99");
}

Value parse_value(const std::string& text, const std::string& where) {
  if (text.empty()) throw malformed(where, "override without a value").hint("an empty string is written \"\"");
  try {
    return parse_single(text, where);
  } catch (const Error& error) {
    if (begins_structure(text) || begins_date(text) || text.find('\n') != std::string::npos) {
      throw malformed(where, "cannot read the value of an override: " + error.message())
          .hint("quote the whole assignment for the shell, and text as \"...\"");
    }
    return text;
  }
}

/// The member or the named element that a component leads to; creates a missing table.
Value& descend(Value& from, const std::string& key, const std::string& path, const Source& source) {
  const std::string spot = path.empty() ? "the configuration" : "'" + path + "'";
  if (from.is(Value::Kind::table)) {
    if (Value* member = from.find(key)) return *member;
    Value& created = from.set(key, Value::table());
    created.set_source(source);
    return created;
  }
  Error error = Error(ErrorKind::config, "override cannot pass through " + spot).at(source.file);
  if (!from.is(Value::Kind::array)) throw error.expected("table").received(describe(from));
  std::vector<std::string> names;
  for (Value& item : from.items()) {
    const Value* name = item.find("name");
    if (name == nullptr || !name->is(Value::Kind::string)) continue;
    if (name->as_string() == key) return item;
    names.push_back(name->as_string());
  }
  if (names.empty()) throw error.expected("table, or array of tables with names").received(describe(from));
  throw Error(ErrorKind::config, spot + " has no element named '" + key + "'")
      .at(source.file)
      .expected("one of: " + join(names, ", "))
      .received(key)
      .hint(suggestion(key, names));
}

}  // namespace

void apply_override(Value& root, const std::string& assignment) {
  apply_assignment(root, assignment, {"--set " + assignment, 0, 0});
}

void apply_assignment(Value& root, const std::string& assignment, const Source& source) {
  const Assignment parts = split_assignment(assignment, source.file);
  Value value = parse_value(parts.value, source.file);
  set_sources(value, source);
  Value* at = &root;
  std::string path;
  for (std::size_t i = 0; i + 1 < parts.path.size(); ++i) {
    at = &descend(*at, parts.path[i], path, source);
    path += (path.empty() ? "" : ".") + parts.path[i];
  }
  const std::string& last = parts.path.back();
  if (at->is(Value::Kind::table)) {
    at->set(last, std::move(value));
    return;
  }
  const Value& element = descend(*at, last, path, source);  // throws unless `at` is an array with that element
  throw Error(ErrorKind::config, "override names a whole element, '" + path + "." + last + "'")
      .at(source.file)
      .expected("a key of the element")
      .received(describe(element))
      .hint("for instance " + path + "." + last + "." + element.members().front().first + "=VALUE");
}

}  // namespace stet::config
