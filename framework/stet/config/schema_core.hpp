// The part of Schema that does not depend on the struct: entries work on untyped pointers, so that the templates in
// schema.hpp stay a few lines and everything else is compiled once. Use schema.hpp; nothing here is needed directly
// but FieldInfo and Limits.
#pragma once

#include <stet/config/value.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stet::config {

/// Documentation of one field, as text. `default_text` is TOML, or "(required)", or "(none)" for an empty optional.
struct FieldInfo {
  std::string key, type, default_text, unit, range, help;
};

/// What a field accepts. The bounds belong to the range unless they are open. `unit` is documentation.
struct Limits {
  std::optional<double> min = std::nullopt, max = std::nullopt;
  bool open_min = false, open_max = false;
  std::string unit = "";
  bool required = false;
};

namespace detail {

/// What is being read, for messages: the schema's name and the dotted path from its table.
struct Where {
  std::string schema, path;
  [[nodiscard]] Where key(std::string_view name) const;
  [[nodiscard]] Where element(std::size_t index) const;
  /// "schema: message 'path'".
  [[nodiscard]] std::string message(std::string_view text) const;
};

class Core;
enum class Nesting { none, one, optional, array };

struct Entry {
  Entry();  // this and what follows once, in schema_core.cpp, as Value's
  Entry(const Entry& other);
  Entry(Entry&& other) noexcept;
  Entry& operator=(const Entry& other);
  Entry& operator=(Entry&& other) noexcept;
  ~Entry();

  std::string key, type, range, unit, help;
  bool required = false, optional = false, left = false;
  // A plain field; write gives nothing for an empty optional.
  std::function<void(void* object, const Value& value, const Where& where)> read;
  std::function<std::optional<Value>(const void* object)> write;
  // A nested table: `schema` has one element. append gives the struct to read into, elements those to write.
  Nesting nesting = Nesting::none;
  std::vector<Core> schema;
  std::function<std::shared_ptr<const void>()> make;  // a struct with defaults, where there is none in the parent
  std::function<void(void* object)> clear;
  std::function<void*(void* object)> append;
  std::function<std::vector<const void*>(const void* object)> elements;
};

class Core {
 public:
  Core(std::string name, std::string help);
  Core(const Core& other);
  Core(Core&& other) noexcept;
  Core& operator=(const Core& other);
  Core& operator=(Core&& other) noexcept;
  ~Core();

  /// Asserts that the key is new and that an optional is empty in the defaults.
  void add(Entry entry, const void* defaults);
  void leave(std::string key);

  void read(void* object, const Value& table, const Where& where) const;
  [[nodiscard]] Value resolve(const void* object) const;
  [[nodiscard]] std::vector<FieldInfo> fields(const void* defaults, const std::string& prefix) const;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& help() const noexcept { return help_; }

 private:
  void read_nested(const Entry& entry, void* object, const Value& value, const Where& where) const;
  void require(const Value& nearest_table, const Where& where) const;  // throws if the absent table had required keys

  std::string name_, help_;
  std::vector<Entry> entries_;
};

[[nodiscard]] Entry choice_entry(std::string key, const std::vector<std::string>& words, std::string help);
[[nodiscard]] Entry table_entry(std::string key, Nesting nesting, const Core& schema, std::string help);
/// The index of the word; throws if it is none of them.
[[nodiscard]] std::size_t read_choice(const Value& value, const std::vector<std::string>& words, const Where& where);
[[nodiscard]] std::optional<Value> write_choice(const std::vector<std::string>& words, std::size_t index);

/// "(0, 1]", ">= 1", "< 2" or "". Asserts that bounds are given only for numbers, and that they are in order.
[[nodiscard]] std::string range_text(const Limits& limits, bool numbers);
/// The items of an array; throws if the value is none. `element` is the type for the message.
[[nodiscard]] const std::vector<Value>& read_array(const Value& value, const std::string& element, const Where& where);

void read_value(const Value& value, const Limits& limits, const Where& where, bool& out);
void read_value(const Value& value, const Limits& limits, const Where& where, int& out);
void read_value(const Value& value, const Limits& limits, const Where& where, std::int64_t& out);
void read_value(const Value& value, const Limits& limits, const Where& where, std::uint64_t& out);
void read_value(const Value& value, const Limits& limits, const Where& where, double& out);
void read_value(const Value& value, const Limits& limits, const Where& where, std::string& out);
void read_value(const Value& value, const Limits& limits, const Where& where, std::map<std::string, std::string>& out);

[[nodiscard]] std::optional<Value> write_value(bool value);
[[nodiscard]] std::optional<Value> write_value(int value);
[[nodiscard]] std::optional<Value> write_value(std::int64_t value);
[[nodiscard]] std::optional<Value> write_value(std::uint64_t value);
[[nodiscard]] std::optional<Value> write_value(double value);
[[nodiscard]] std::optional<Value> write_value(const std::string& value);
[[nodiscard]] std::optional<Value> write_value(const std::map<std::string, std::string>& value);

// The pointers below only choose the overload.
[[nodiscard]] inline std::string type_name(const bool*) { return "boolean"; }
[[nodiscard]] inline std::string type_name(const int*) { return "integer"; }
[[nodiscard]] inline std::string type_name(const std::int64_t*) { return "integer"; }
[[nodiscard]] inline std::string type_name(const std::uint64_t*) { return "unsigned integer"; }
[[nodiscard]] inline std::string type_name(const double*) { return "real"; }
[[nodiscard]] inline std::string type_name(const std::string*) { return "string"; }
[[nodiscard]] inline std::string type_name(const std::map<std::string, std::string>*) { return "table of strings"; }
template <class S>
[[nodiscard]] std::string type_name(const std::vector<S>*);
template <class S>
[[nodiscard]] std::string type_name(const std::optional<S>*);

template <class S>
std::string type_name(const std::vector<S>*) {
  return "array of " + type_name(static_cast<const S*>(nullptr));
}
template <class S>
std::string type_name(const std::optional<S>*) {
  return type_name(static_cast<const S*>(nullptr));
}

template <class S>
[[nodiscard]] constexpr bool numbers(const S*) {
  return std::is_arithmetic_v<S> && !std::is_same_v<S, bool>;
}
template <class S>
[[nodiscard]] constexpr bool numbers(const std::vector<S>*) {
  return numbers(static_cast<const S*>(nullptr));
}
template <class S>
[[nodiscard]] constexpr bool numbers(const std::optional<std::vector<S>>*) {
  return numbers(static_cast<const S*>(nullptr));
}
template <class S>
[[nodiscard]] constexpr bool numbers(const std::optional<S>*) {
  return numbers(static_cast<const S*>(nullptr));
}

template <class M>
inline constexpr bool is_optional = false;
template <class S>
inline constexpr bool is_optional<std::optional<S>> = true;

template <class S>
void read_value(const Value& value, const Limits& limits, const Where& where, std::vector<S>& out) {
  const std::string element_name = type_name(static_cast<const S*>(nullptr));
  const std::vector<Value>& items = read_array(value, element_name, where);
  out.clear();
  for (std::size_t i = 0; i < items.size(); ++i) {
    S element{};
    read_value(items[i], limits, where.element(i), element);
    out.push_back(std::move(element));
  }
}
template <class S>
void read_value(const Value& value, const Limits& limits, const Where& where, std::optional<S>& out) {
  read_value(value, limits, where, out.emplace());
}

template <class S>
[[nodiscard]] std::optional<Value> write_value(const std::vector<S>& values) {
  Value array = Value::array();
  for (const S& value : values) array.items().push_back(*write_value(value));
  return array;
}
template <class S>
[[nodiscard]] std::optional<Value> write_value(const std::optional<S>& value) {
  return value ? write_value(*value) : std::nullopt;
}

}  // namespace detail
}  // namespace stet::config
