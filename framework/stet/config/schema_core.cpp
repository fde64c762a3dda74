#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/config/schema_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace stet::config::detail {

namespace {

Error wrong_type(const Value& value, const Where& where, const std::string& expected) {
  return error_at(value, where.message("wrong type")).expected(expected).received(describe(value));
}

std::string with_unit(const std::string& text, const std::string& unit) {
  return unit.empty() ? text : text + " " + unit;
}

/// "did you mean 'x'?", or nothing: what is known already stands in the expected part.
std::string hint_for(const std::string& word, const std::vector<std::string>& known) {
  return nearest(word, known).empty() ? "" : suggestion(word, known);
}

/// "in (0, 1] seconds"; a bound on one side alone reads better without "in".
std::string expected_range(const Limits& limits) {
  return (limits.min && limits.max ? "in " : "") + with_unit(range_text(limits, true), limits.unit);
}

Error out_of_range(const Value& value, const Limits& limits, const Where& where) {
  return error_at(value, where.message("out of range")).expected(expected_range(limits)).received(inline_toml(value));
}

void check_range(const Value& value, const Limits& limits, const Where& where) {
  const double number = value.as_real();
  const bool low = limits.min && (limits.open_min ? !(number > *limits.min) : !(number >= *limits.min));
  const bool high = limits.max && (limits.open_max ? !(number < *limits.max) : !(number <= *limits.max));
  if (low || high) throw out_of_range(value, limits, where);
}

std::int64_t read_integer(const Value& value, const Limits& limits, const Where& where) {
  if (!value.is(Value::Kind::integer)) throw wrong_type(value, where, "integer");
  check_range(value, limits, where);
  return value.as_integer();
}

std::string expected_text(const Entry& entry) {
  return with_unit(entry.range.empty() ? entry.type : entry.type + " " + entry.range, entry.unit);
}

Error missing(const Value& table, const Where& where, const Entry& entry) {
  return error_at(table, where.key(entry.key).message("missing key"))
      .expected(expected_text(entry))
      .received("nothing");
}

}  // namespace

Where Where::key(std::string_view name) const {
  return {schema, path.empty() ? std::string(name) : path + "." + std::string(name)};
}

Where Where::element(std::size_t index) const { return {schema, fmt::format("{}[{}]", path, index)}; }

std::string Where::message(std::string_view text) const {
  return path.empty() ? fmt::format("{}: {}", schema, text) : fmt::format("{}: {} '{}'", schema, text, path);
}

void Core::add(Entry entry, const void* defaults) {
  STET_ASSERT(std::none_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == entry.key; }));
  STET_ASSERT(!entry.optional || !entry.write(defaults));
  STET_ASSERT(entry.nesting != Nesting::optional || entry.elements(defaults).empty());
  entries_.push_back(std::move(entry));
}

void Core::leave(std::string key) {
  STET_ASSERT(std::none_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; }));
  Entry entry;
  entry.key = std::move(key);
  entry.left = true;
  entries_.push_back(std::move(entry));
}

void Core::read(void* object, const Value& table, const Where& where) const {
  if (!table.is(Value::Kind::table)) throw wrong_type(table, where, "table");
  std::vector<std::string> known;
  for (const Entry& entry : entries_) known.push_back(entry.key);
  // Before anything else, since a mistyped key would otherwise be reported as a missing one.
  for (const auto& [key, value] : table.members()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw error_at_key(value, where.key(key).message("unknown key"))
        .expected(known.empty() ? "no keys" : "one of: " + join(known, ", "))
        .received(key)
        .hint(hint_for(key, known));
  }
  for (const Entry& entry : entries_) {
    if (entry.left) continue;
    const Value* value = table.find(entry.key);
    if (value != nullptr) {
      if (entry.nesting == Nesting::none) {
        entry.read(object, *value, where.key(entry.key));
      } else {
        read_nested(entry, object, *value, where.key(entry.key));
      }
    } else if (entry.required) {
      throw missing(table, where, entry);
    } else if (entry.nesting == Nesting::one) {
      entry.schema.front().require(table, where.key(entry.key));
    }
  }
}

void Core::read_nested(const Entry& entry, void* object, const Value& value, const Where& where) const {
  const Core& schema = entry.schema.front();
  if (entry.nesting != Nesting::array) {
    if (!value.is(Value::Kind::table)) throw wrong_type(value, where, "table");
    schema.read(entry.append(object), value, where);
    return;
  }
  if (!value.is(Value::Kind::array)) {
    Error error = wrong_type(value, where, "array of tables");
    if (value.is(Value::Kind::table)) error.hint("its header has double brackets, as in [[" + entry.key + "]]");
    throw error;
  }
  entry.clear(object);
  for (std::size_t i = 0; i < value.items().size(); ++i) {
    schema.read(entry.append(object), value.items()[i], where.element(i));
  }
}

void Core::require(const Value& nearest_table, const Where& where) const {
  for (const Entry& entry : entries_) {
    if (entry.required) throw missing(nearest_table, where, entry);
    if (entry.nesting == Nesting::one) entry.schema.front().require(nearest_table, where.key(entry.key));
  }
}

Value Core::resolve(const void* object) const {
  Value table = Value::table();
  for (const Entry& entry : entries_) {
    if (entry.left) continue;
    if (entry.nesting == Nesting::none) {
      try {
        if (std::optional<Value> value = entry.write(object)) table.set(entry.key, std::move(*value));
      } catch (Error& error) {
        error.at(name_ + "." + entry.key);
        throw;
      }
      continue;
    }
    std::vector<Value> values;
    for (const void* element : entry.elements(object)) values.push_back(entry.schema.front().resolve(element));
    if (entry.nesting == Nesting::array) {
      table.set(entry.key, std::move(values));
    } else if (!values.empty()) {
      table.set(entry.key, std::move(values.front()));
    }
  }
  return table;
}

std::vector<FieldInfo> Core::fields(const void* defaults, const std::string& prefix) const {
  std::vector<FieldInfo> fields;
  for (const Entry& entry : entries_) {
    if (entry.left) continue;
    const std::string key = prefix + entry.key;
    if (entry.nesting == Nesting::none) {
      const std::optional<Value> value = entry.write(defaults);
      const std::string text = entry.required ? "(required)" : value ? inline_toml(*value) : "(none)";
      fields.push_back({key, entry.type, text, entry.unit, entry.range, entry.help});
      continue;
    }
    if (!entry.help.empty()) fields.push_back({key, entry.type, "", "", "", entry.help});
    const auto made = entry.make ? entry.make() : nullptr;
    const void* nested = made ? made.get() : entry.elements(defaults).front();
    const char* const dot = entry.nesting == Nesting::array ? "[]." : ".";
    for (FieldInfo& field : entry.schema.front().fields(nested, key + dot)) fields.push_back(std::move(field));
  }
  return fields;
}

Entry choice_entry(std::string key, const std::vector<std::string>& words, std::string help) {
  STET_ASSERT(!words.empty());
  Entry entry;
  entry.key = std::move(key);
  entry.type = "choice";
  entry.range = join(words, " | ");
  entry.help = std::move(help);
  return entry;
}

Entry table_entry(std::string key, Nesting nesting, const Core& schema, std::string help) {
  Entry entry;
  entry.key = std::move(key);
  entry.type = nesting == Nesting::array      ? "array of tables"
               : nesting == Nesting::optional ? "optional table"
                                              : "table";
  entry.help = std::move(help);
  entry.nesting = nesting;
  entry.schema.push_back(schema);
  return entry;
}

std::size_t read_choice(const Value& value, const std::vector<std::string>& words, const Where& where) {
  const std::string expected = "one of: " + join(words, ", ");
  if (!value.is(Value::Kind::string)) throw wrong_type(value, where, expected);
  const auto found = std::find(words.begin(), words.end(), value.as_string());
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  throw error_at(value, where.message("unknown choice"))
      .expected(expected)
      .received(describe(value))
      .hint(hint_for(value.as_string(), words));
}

std::optional<Value> write_choice(const std::vector<std::string>& words, std::size_t index) {
  STET_ASSERT(index < words.size());  // every value of the enumeration needs a name
  return words[index];
}

std::string range_text(const Limits& limits, bool numbers) {
  STET_ASSERT(numbers || (!limits.min && !limits.max));
  STET_ASSERT(!limits.min || !limits.max || *limits.min <= *limits.max);
  if (limits.min && limits.max) {
    const char left = limits.open_min ? '(' : '[', right = limits.open_max ? ')' : ']';
    return fmt::format("{}{}, {}{}", left, *limits.min, *limits.max, right);
  }
  if (limits.min) return fmt::format("{} {}", limits.open_min ? ">" : ">=", *limits.min);
  if (limits.max) return fmt::format("{} {}", limits.open_max ? "<" : "<=", *limits.max);
  return "";
}

const std::vector<Value>& read_array(const Value& value, const std::string& element, const Where& where) {
  if (!value.is(Value::Kind::array)) throw wrong_type(value, where, "array of " + element);
  return value.items();
}

void read_value(const Value& value, const Limits&, const Where& where, bool& out) {
  if (!value.is(Value::Kind::boolean)) throw wrong_type(value, where, "boolean");
  out = value.as_boolean();
}

void read_value(const Value& value, const Limits& limits, const Where& where, int& out) {
  const std::int64_t number = read_integer(value, limits, where);
  constexpr int low = std::numeric_limits<int>::min(), high = std::numeric_limits<int>::max();
  if (number < low || number > high) {
    throw error_at(value, where.message("out of range"))
        .expected(fmt::format("in [{}, {}]", low, high))
        .received(inline_toml(value));
  }
  out = static_cast<int>(number);
}

void read_value(const Value& value, const Limits& limits, const Where& where, std::int64_t& out) {
  out = read_integer(value, limits, where);
}

void read_value(const Value& value, const Limits& limits, const Where& where, std::uint64_t& out) {
  Limits unsigned_limits = limits;
  if (!limits.min || *limits.min < 0) {
    unsigned_limits.min = 0;
    unsigned_limits.open_min = false;
  }
  out = static_cast<std::uint64_t>(read_integer(value, unsigned_limits, where));
}

void read_value(const Value& value, const Limits& limits, const Where& where, double& out) {
  if (!value.is(Value::Kind::real) && !value.is(Value::Kind::integer)) throw wrong_type(value, where, "real");
  if (!std::isfinite(value.as_real())) {
    throw error_at(value, where.message("no finite number for"))
        .expected("real")
        .received(std::isnan(value.as_real()) ? "nan" : "inf");
  }
  check_range(value, limits, where);
  out = value.as_real();
}

void read_value(const Value& value, const Limits&, const Where& where, std::string& out) {
  if (!value.is(Value::Kind::string)) throw wrong_type(value, where, "string");
  out = value.as_string();
}

void read_value(const Value& value, const Limits& limits, const Where& where, std::map<std::string, std::string>& out) {
  if (!value.is(Value::Kind::table)) throw wrong_type(value, where, "table of strings");
  out.clear();
  for (const auto& [key, member] : value.members()) read_value(member, limits, where.key(key), out[key]);
}

}  // namespace stet::config::detail
