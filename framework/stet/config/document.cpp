// The reading half of document.hpp: TOML text, files and their bases, merging. Overrides are override.cpp.
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>

#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <system_error>

namespace stet::config {

namespace {

namespace fs = std::filesystem;

Source source_of(const toml::source_region& region, const std::string& file) {
  return {file, region.begin.line, region.begin.column};
}

Value convert(const toml::node& node, const std::string& file);

Value convert_table(const toml::table& table, const std::string& file) {
  // toml++ sorts its keys; the order of the document is in their positions.
  std::vector<std::pair<const toml::key*, const toml::node*>> members;
  for (const auto& [key, node] : table) members.emplace_back(&key, &node);
  const auto place = [](const auto& member) {
    const toml::source_position& begin = member.first->source().begin;
    return std::pair(begin.line, begin.column);
  };
  std::sort(members.begin(), members.end(), [&place](const auto& a, const auto& b) { return place(a) < place(b); });
  Value value = Value::table();
  for (const auto& [key, node] : members) {
    Value& member = value.set(std::string(key->str()), convert(*node, file));
    const toml::source_position& begin = key->source().begin;
    member.set_key_position(begin.line, begin.column);
  }
  return value;
}

Value convert_content(const toml::node& node, const std::string& file) {
  if (const auto* table = node.as_table()) return convert_table(*table, file);
  if (const auto* array = node.as_array()) {
    Value value = Value::array();
    for (const toml::node& item : *array) value.items().push_back(convert(item, file));
    return value;
  }
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* integer = node.as_integer()) return std::int64_t{integer->get()};
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* string = node.as_string()) return string->get();
  const Source source = source_of(node.source(), file);
  throw Error(ErrorKind::config, "dates and times are not used here")
      .at(source.file, source.line, source.column)
      .expected("boolean, integer, real, string, array or table")
      .received("date or time")
      .hint("put it in quotes if it is meant as text");
}

Value convert(const toml::node& node, const std::string& file) {
  Value value = convert_content(node, file);
  value.set_source(source_of(node.source(), file));
  return value;
}

/// toml++ 3.3 follows dotted keys by recursion without a limit, so absurd ones must not reach it.
void check_depth(std::string_view text, const std::string& file) {
  constexpr std::size_t most = 200;
  std::size_t line = 1, dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::string_view triple = c == '"' ? R"(""")" : "'''";
      const bool multiline = text.substr(i, 3) == triple;
      for (i += multiline ? 3 : 1; i < text.size(); ++i) {
        if (text[i] == '\n') {
          ++line;
          if (!multiline) break;  // toml++ will say what is wrong
        }
        if (c == '"' && text[i] == '\\') {
          ++i;
          if (i < text.size() && text[i] == '\n') ++line;
        } else if (multiline ? text.substr(i, 3) == triple : text[i] == c) {
          i += multiline ? 2 : 0;
          break;
        }
      }
      continue;
    }
    if (c == '#') i = std::min(text.find('\n', i), text.size()) - 1;
    if (c == '\n') ++line;
    if (c == '.') {
      if (++dots > most) throw Error(ErrorKind::config, "dotted key is nested too deeply").at(file, line);
    } else if (c == '\n' || c == ',' || c == '=' || c == '[' || c == '{' || c == '#') {
      dots = 0;
    }
  }
}

/// A missing file, with the nearest name that is there.
Error unreadable(const fs::path& file, const Value* base, const std::string& reason) {
  const std::string message = "cannot read configuration file '" + file.string() + "': " + reason;
  Error error = base != nullptr ? error_at(*base, message) : Error(ErrorKind::config, message).at(file.string());
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  for (fs::directory_iterator i(folder, ignored), end; !ignored && i != end; i.increment(ignored)) {
    if (i->path().extension() == ".toml") names.push_back(i->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  const std::string name = file.filename().string();
  if (const std::string near = nearest(name, names); !near.empty() && near != name) {
    error.hint("did you mean '" + (file.parent_path() / near).string() + "'?");
  }
  return error.expected("a TOML file");
}

std::string read_text(const fs::path& file, const Value* base) {
  std::error_code code;
  const fs::file_status status = fs::status(file, code);
  if (status.type() == fs::file_type::not_found) throw unreadable(file, base, "there is no such file");
  if (status.type() == fs::file_type::directory) throw unreadable(file, base, "it is a folder");
  try {
    return read_file(file);
  } catch (const Error& error) {
    throw unreadable(file, base, error.message());
  }
}

/// `chain` holds the files that led here, `base` the value that named this one. `inherit` and not `base`: [base] is
/// what an experiment starts from.
Value load_file(const fs::path& file, std::vector<fs::path>& chain, const Value* base) {
  std::error_code failed;  // a name that is too long, say: reading it will tell
  fs::path identity = fs::weakly_canonical(file, failed);
  if (failed) identity = file;
  if (std::find(chain.begin(), chain.end(), identity) != chain.end()) {
    std::vector<std::string> names;
    for (const fs::path& path : chain) names.push_back(path.filename().string());
    names.push_back(identity.filename().string());
    throw error_at(*base, "configuration files inherit from each other: " + join(names, " -> "))
        .expected("a file that does not lead back to itself")
        .received(base->as_string());
  }
  Value value = parse(read_text(file, base), file.string());
  const Value* own_base = value.find("inherit");
  if (const Value* old = value.find("base"); old != nullptr && old->is(Value::Kind::string)) {
    throw error_at_key(*old, "'base' is not what a file inherits from")
        .received("base = \"" + old->as_string() + "\"")
        .hint("inherit = \"" + old->as_string() + "\" inherits a file; [base] folder = \"...\" starts from a model");
  }
  if (own_base == nullptr) return value;
  if (!own_base->is(Value::Kind::string)) {
    throw error_at(*own_base, "wrong type for 'inherit'").expected("string, a file").received(describe(*own_base));
  }
  chain.push_back(identity);
  Value result = load_file(file.parent_path() / own_base->as_string(), chain, own_base);
  chain.pop_back();
  value.erase("inherit");
  merge(result, value);
  return result;
}

bool is_named_array(const Value& value) {
  return value.is(Value::Kind::array) && !value.items().empty() &&
         std::all_of(value.items().begin(), value.items().end(), [](const Value& item) {
           const Value* name = item.find("name");
           return name != nullptr && name->is(Value::Kind::string);
         });
}

void check_names(const Value& array) {
  std::set<std::string> seen;
  for (const Value& item : array.items()) {
    const Value& name = *item.find("name");
    if (!seen.insert(name.as_string()).second) {
      throw error_at(name, "name '" + name.as_string() + "' is used twice in one array")
          .expected("a different name for each element, since they are merged by name")
          .received(describe(name));
    }
  }
}

void merge_named(Value& base, const Value& over) {
  check_names(base);
  check_names(over);
  for (const Value& item : over.items()) {
    auto& items = base.items();
    const auto found = std::find_if(items.begin(), items.end(), [&item](const Value& present) {
      return *present.find("name") == *item.find("name");
    });
    if (found == items.end()) {
      items.push_back(item);
    } else {
      merge(*found, item);
    }
  }
}

}  // namespace

Value parse(std::string_view text, const std::string& file) {
  check_depth(text, file);
  try {
    const toml::table table = toml::parse(text, std::string_view(file));
    Value value = convert_table(table, file);
    value.set_source({file, 1, 1});
    return value;
  } catch (const toml::parse_error& error) {
    const Source source = source_of(error.source(), file);
    throw Error(ErrorKind::config, "not valid TOML: " + std::string(error.description()))
        .at(source.file, source.line, source.column);
  }
}

Value load(const fs::path& file, std::span<const std::string> overrides) {
  std::vector<fs::path> chain;
  Value value = load_file(file, chain, nullptr);
  for (const std::string& assignment : overrides) apply_override(value, assignment);
  if (const Value* inherit = value.find("inherit")) {
    throw error_at(*inherit, "'inherit' cannot be overridden")
        .hint("name it in the file itself: inherit = \"other.toml\"");
  }
  return value;
}

void merge(Value& base, const Value& over) {
  if (base.is(Value::Kind::table) && over.is(Value::Kind::table)) {
    for (const auto& [key, value] : over.members()) {
      if (Value* present = base.find(key)) {
        merge(*present, value);
      } else {
        base.set(key, value);
      }
    }
  } else if (is_named_array(base) && is_named_array(over)) {
    merge_named(base, over);
  } else {
    base = over;
    return;
  }
  const Source key = over.key_source();
  base.set_source(over.source());
  base.set_key_position(key.line, key.column);
}

}  // namespace stet::config
