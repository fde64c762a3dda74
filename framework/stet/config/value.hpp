// A configuration value: what TOML can say, together with the place where it was said, so that any later error can
// point at it. Not a TOML library: reading and writing text is document.hpp, typed access is schema.hpp.
#pragma once

#include <stet/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace stet::config {

/// Where something was written, 1-based. For an override `file` is "--set a.b=c" and `line` is 0; for a value made by
/// the program everything is empty.
struct Source {
  std::string file;
  std::size_t line = 0, column = 0;
};

/// A boolean, integer, real, string, array or table. Tables keep the order of the document. A copy is deep.
/// The accessors throw Error (config), pointing at the source, if the value is of another kind.
class Value {
 public:
  enum class Kind { boolean, integer, real, string, array, table };
  using Members = std::vector<std::pair<std::string, Value>>;

  // Compiled once, in value.cpp: every file that has a Value would else compile the whole variant.
  Value();  ///< an empty table
  Value(bool value);
  Value(std::int64_t value);
  Value(int value);
  Value(double value);
  Value(std::string value);
  Value(const char* value);
  Value(std::vector<Value> items);
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();
  [[nodiscard]] static Value table() { return Value(); }
  [[nodiscard]] static Value array();

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(content_.index()); }
  [[nodiscard]] bool is(Kind kind) const noexcept { return this->kind() == kind; }

  [[nodiscard]] const Source& source() const noexcept { return source_; }
  /// Sets the place of the value; the place of its key becomes the same.
  void set_source(Source source);
  /// Where the key that names this value was written (the value itself, if it has no key of its own).
  [[nodiscard]] Source key_source() const { return {source_.file, key_line_, key_column_}; }
  void set_key_position(std::size_t line, std::size_t column) noexcept;

  [[nodiscard]] bool as_boolean() const;
  [[nodiscard]] std::int64_t as_integer() const;  ///< a real is an error, even a whole one
  [[nodiscard]] double as_real() const;           ///< an integer is promoted
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const std::vector<Value>& items() const;
  [[nodiscard]] std::vector<Value>& items();
  [[nodiscard]] const Members& members() const;

  /// nullptr if the key is absent or this is not a table. The pointer is valid until the next set() or erase() here.
  [[nodiscard]] const Value* find(std::string_view key) const noexcept;
  [[nodiscard]] Value* find(std::string_view key) noexcept;
  /// Replaces the member in its place, or appends it. Returns the member. Throws if this is not a table.
  Value& set(std::string key, Value value);
  /// False if there was no such member.
  bool erase(std::string_view key);

  /// Same content; sources and the order of keys do not count. 1 and 1.0 differ, 0.0 and -0.0 differ, nan equals nan.
  [[nodiscard]] bool operator==(const Value& other) const;

 private:
  std::variant<bool, std::int64_t, double, std::string, std::vector<Value>, Members> content_;  // in the order of Kind
  Source source_;
  std::size_t key_line_ = 0, key_column_ = 0;
};

/// "boolean", "integer", "real", "string", "array", "table".
[[nodiscard]] std::string_view kind_name(Value::Kind kind);

/// Error (config) that points at the value.
[[nodiscard]] Error error_at(const Value& value, std::string message);
/// Error (config) that points at the value's key.
[[nodiscard]] Error error_at_key(const Value& value, std::string message);

/// Whether a value comes from the command line, not from a file.
[[nodiscard]] bool is_typed(const Value& value);
/// The path that a value names: below the folder of its file, or, if it was typed, as it stands (who types a path means
/// it from where he is).
[[nodiscard]] std::filesystem::path named_path(const Value& value);

/// The value for an error message: `string "adam"`, `integer 3`, `array of 2`, `table`. Long strings are shortened.
[[nodiscard]] std::string describe(const Value& value);

}  // namespace stet::config
