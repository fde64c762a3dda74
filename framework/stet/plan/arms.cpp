#include <stet/plan/arms.hpp>

#include <stet/base/error.hpp>
#include <stet/base/shown.hpp>
#include <stet/config/document.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace stet {

namespace {

using config::Value;

/// Arms and points of sweeps. More would be planned for minutes, and is a slip of the finger.
constexpr std::size_t most_arms = 1000;

Error too_many(const Value& where) {
  return error_at_key(where, fmt::format("more than {} arms and points of sweeps", most_arms))
      .hint("a sweep multiplies: sweep fewer keys together, or fewer values");
}

constexpr const char* not_of_an_arm[] = {"experiment", "arm", "sweep", "table"};

/// The components of the key of "a.b=VALUE"; quotes are config::apply_override's matter, which has read it before.
std::vector<std::string> key_parts(const std::string& assignment) {
  std::vector<std::string> parts = {""};
  for (const char c : assignment.substr(0, assignment.find('='))) {
    if (c == '.') {
      parts.emplace_back();
    } else if (c != ' ' && c != '"' && c != '\'') {
      parts.back() += c;
    }
  }
  return parts;
}

std::string key_of(const std::string& assignment) {
  std::string key;
  for (const std::string& part : key_parts(assignment)) key += (key.empty() ? "" : ".") + part;
  return key;
}

bool is_of_arms(const std::string& assignment) {
  const std::string first = key_parts(assignment).front();
  return std::find(std::begin(not_of_an_arm), std::end(not_of_an_arm), first) == std::end(not_of_an_arm);
}

/// The table of a plugin that an override is about; nullptr if `in` has none, or the override is about something else.
const Value* plugin_table(const Value& in, const std::vector<std::string>& parts) {
  if (parts.size() < 2 || (parts[0] != "regularizer" && parts[0] != "freeze" && parts[0] != "probe")) return nullptr;
  const Value* kind = in.find(parts[0]);
  return kind == nullptr ? nullptr : kind->find(parts[1]);
}

/// The command line once more, over the arm's own keys.
void apply_overrides(Value& table, const Value& plain, const std::vector<Value>& arms, const Value& own,
                     const std::vector<std::string>& overrides, const std::string& name) {
  for (const std::string& assignment : overrides) {
    if (!is_of_arms(assignment)) continue;
    const std::vector<std::string> parts = key_parts(assignment);
    const bool of_some = plugin_table(plain, parts) == nullptr &&
                         std::any_of(arms.begin(), arms.end(),
                                     [&parts](const Value& arm) { return plugin_table(arm, parts) != nullptr; });
    if (!of_some || plugin_table(own, parts) != nullptr) config::apply_override(table, assignment);
  }
  for (const std::string& assignment : overrides) {
    const std::vector<std::string> parts = key_parts(assignment);
    if (parts.size() < 3 || parts[0] != "arm" || parts[1] != name || parts[2] == "name" || parts[2] == "label" ||
        parts[2] == "sweep")
      continue;
    Value wrapped = Value::table();
    Value array = Value::array();
    Value entry = table;
    entry.set("name", name);
    array.items().push_back(std::move(entry));
    wrapped.set("arm", std::move(array));
    config::apply_override(wrapped, assignment);
    table = wrapped.find("arm")->items().front();
    table.erase("name");
  }
}

struct MergedArm : Arm {
  Value sweep = Value::table();  // of this arm alone
};

std::vector<MergedArm> merge_arms(const Value& plain, const Value& document,
                                  const std::vector<std::string>& overrides) {
  const Value* arms = document.find("arm");
  if (arms == nullptr || arms->kind() != Value::Kind::array || arms->items().empty()) {
    throw error_at(arms != nullptr ? *arms : document, "the experiment has no arm")
        .expected("at least one [[arm]] with a name");
  }
  Value common = plain;
  for (const char* key : not_of_an_arm) common.erase(key);
  std::vector<MergedArm> result;
  std::set<std::string> names;
  for (const Value& arm : arms->items()) {
    const Value* name = arm.find("name");
    if (name == nullptr) throw error_at(arm, "an arm has no name");
    if (!is_folder_name(name->as_string()))
      throw error_at(*name, "an arm's name is not a plain folder name").received("'" + name->as_string() + "'");
    if (!names.insert(name->as_string()).second)
      throw error_at(*name, "two arms are named '" + name->as_string() + "'");
    const Value* label = arm.find("label");
    if (label != nullptr && !is_printable(label->as_string()))
      throw error_at(*label, "an arm's label has control characters")
          .received(terminal_text(label->as_string()))
          .hint("it is shown as it is in the table: leave them out");
    Value own = arm;
    own.erase("name");
    own.erase("label");
    MergedArm merged;
    merged.name = name->as_string();
    merged.label = label != nullptr ? label->as_string() : merged.name;
    merged.table = common;
    if (const Value* sweep = own.find("sweep")) merged.sweep = *sweep;
    own.erase("sweep");
    config::merge(merged.table, own);
    apply_overrides(merged.table, plain, arms->items(), own, overrides, merged.name);
    result.push_back(std::move(merged));
  }
  return result;
}

bool is_number(const Value& value) { return value.is(Value::Kind::integer) || value.is(Value::Kind::real); }

/// 1e-3 and 0.001, and 1 and 1.0, train the same.
bool same_point(const Value& a, const Value& b) {
  return is_number(a) && is_number(b) ? a.as_real() == b.as_real() : a == b;
}

bool holds_table(const Value& value) {
  if (value.is(Value::Kind::table)) return true;
  return value.is(Value::Kind::array) && std::any_of(value.items().begin(), value.items().end(), holds_table);
}

/// Throws unless `values` are points that can be swept.
void check_sweep(const std::string& key, const Value& values, const std::vector<std::string>& overrides) {
  if (values.is(Value::Kind::table)) {
    std::string inner = key;
    for (const Value* at = &values; at->is(Value::Kind::table) && !at->members().empty();
         at = &at->members().front().second) {
      inner += "." + at->members().front().first;
    }
    throw error_at_key(values, fmt::format("the key of a sweep is one text: '{}' is not in quotes", inner))
        .expected(fmt::format("\"{}\" = [...]", inner));
  }
  if (!values.is(Value::Kind::array) || values.items().empty())
    throw error_at(values, "sweep of '" + key + "' is not a list of values");
  if (values.items().size() > most_arms) throw too_many(values);
  for (std::size_t i = 0; i < values.items().size(); ++i) {
    const Value& value = values.items()[i];
    if (holds_table(value)) {
      throw error_at(value, "a sweep of '" + key + "' over tables: its points could have no names")
          .expected("numbers, texts, booleans, or lists of these")
          .hint("sweep a key of the table, or write an arm for each");
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (!same_point(values.items()[k], value)) continue;
      throw error_at(value, "the sweep of '" + key + "' names a point twice")
          .expected("different values")
          .received(config::inline_toml(values.items()[k]) + " and " + config::inline_toml(value) +
                    ", which are the same");
    }
  }
  for (const std::string& assignment : overrides) {
    if (!is_of_arms(assignment) || key_of(assignment) != key) continue;
    throw error_at_key(values, fmt::format("'{}' is swept, and set by --set {}", key, assignment))
        .hint(fmt::format("to change the sweep: --set 'sweep.\"{}\"=[...]'", key));
  }
}

}  // namespace

bool is_printable(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_folder_name(const std::string& name) {
  return !name.empty() && !name.starts_with('.') && name.find_first_of("/\\") == std::string::npos &&
         is_printable(name);
}

std::vector<Arm> expand_arms(const Value& plain, const Value& document, const std::vector<std::string>& overrides) {
  const Value* common = document.find("sweep");
  std::vector<Arm> result;
  for (const MergedArm& arm : merge_arms(plain, document, overrides)) {
    std::vector<Arm> points = {arm};
    for (const Value* sweep : {common, &arm.sweep}) {
      if (sweep == nullptr) continue;
      for (const auto& [key, values] : sweep->members()) {
        check_sweep(key, values, overrides);
        if (sweep != common && common != nullptr && common->find(key) != nullptr) {
          throw error_at_key(values, fmt::format("'{}' is swept by arm '{}' and by [sweep]", key, arm.name))
              .hint("leave it in one of them");
        }
        if (points.size() * values.items().size() > most_arms) throw too_many(values);
        std::vector<Arm> next;
        for (const Arm& point : points) {
          for (const Value& value : values.items()) {
            const std::string text = config::canonical(value);
            Arm one = point;
            one.name += fmt::format("@{}={}", key, text);
            one.label += fmt::format(", {} = {}", key, text);
            config::apply_assignment(one.table, fmt::format("{}={}", key, text), value.source());
            next.push_back(std::move(one));
          }
        }
        points = std::move(next);
      }
    }
    result.insert(result.end(), points.begin(), points.end());
    if (result.size() > most_arms) throw too_many(*document.find("arm"));
  }
  return result;
}

}  // namespace stet
