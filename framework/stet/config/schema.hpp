// How a table of a configuration becomes a struct. A schema names each key once, with the member it fills, its limits
// and its help; reading, writing with defaults, checking and documentation all follow from that.
//
//   struct Optimizer { double rate = 1e-4; int warmup = 0; };
//   const auto schema = Schema<Optimizer>("optimizer")
//       .field("rate", &Optimizer::rate, "learning rate", {.min = 0, .max = 1, .open_min = true})
//       .field("warmup", &Optimizer::warmup, "steps of linear warmup", {.min = 0, .unit = "steps"});
//   const Optimizer optimizer = schema.read(table);
#pragma once

#include <stet/config/schema_core.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet::config {

/// How a table is read into a T. A field's default is its value in T{}, so T must be default constructible; members of
/// type std::optional must be empty in T{}, because TOML cannot say "nothing".
/// A schema is a value: copy it freely; reading is const and safe from several threads.
template <class T>
class Schema {
 public:
  /// `name` begins every error message ("optimizer: unknown key 'rte'").
  explicit Schema(std::string name, std::string help = "") : core_(std::move(name), std::move(help)) {}

  /// M: bool, int, std::int64_t, std::uint64_t, double, std::string, std::vector of these, std::optional of all these,
  /// or std::map<std::string, std::string>. min and max are for numbers (in a vector: for each element) and for
  /// nothing else. nan is never accepted; inf is, within the limits.
  template <class M>
  Schema& field(std::string key, M T::*member, std::string help, Limits limits = {}) {
    detail::Entry entry;
    entry.key = std::move(key);
    entry.type = detail::type_name(static_cast<const M*>(nullptr));
    entry.range = detail::range_text(limits, detail::numbers(static_cast<const M*>(nullptr)));
    entry.unit = limits.unit;
    entry.help = std::move(help);
    entry.required = limits.required;
    entry.optional = detail::is_optional<M>;
    entry.read = [member, limits = std::move(limits)](void* object, const Value& value, const detail::Where& where) {
      detail::read_value(value, limits, where, static_cast<T*>(object)->*member);
    };
    entry.write = [member](const void* object) { return detail::write_value(static_cast<const T*>(object)->*member); };
    add(std::move(entry));
    return *this;
  }

  /// An enumeration, written as one of the names.
  template <class E>
  Schema& choice(std::string key, E T::*member, std::vector<std::pair<std::string, E>> names, std::string help) {
    std::vector<std::string> words;
    std::vector<E> values;
    for (auto& [word, value] : names) {
      words.push_back(std::move(word));
      values.push_back(value);
    }
    detail::Entry entry = detail::choice_entry(std::move(key), words, std::move(help));
    entry.read = [member, words, values](void* object, const Value& value, const detail::Where& where) {
      static_cast<T*>(object)->*member = values[detail::read_choice(value, words, where)];
    };
    entry.write = [member, words, values](const void* object) {
      std::size_t index = 0;
      while (index < values.size() && values[index] != static_cast<const T*>(object)->*member) ++index;
      return detail::write_choice(words, index);
    };
    add(std::move(entry));
    return *this;
  }

  /// A nested table; its defaults are those in T{}. If it is absent, its required keys are still required.
  template <class M>
  Schema& table(std::string key, M T::*member, Schema<M> schema, std::string help = "") {
    detail::Entry entry = detail::table_entry(std::move(key), detail::Nesting::one, schema.core(), std::move(help));
    entry.append = [member](void* object) -> void* { return &(static_cast<T*>(object)->*member); };
    entry.elements = [member](const void* object) {
      return std::vector<const void*>{&(static_cast<const T*>(object)->*member)};
    };
    add(std::move(entry));
    return *this;
  }

  /// A nested table that may be absent.
  template <class M>
  Schema& table(std::string key, std::optional<M> T::*member, Schema<M> schema, std::string help = "") {
    detail::Entry entry =
        detail::table_entry(std::move(key), detail::Nesting::optional, schema.core(), std::move(help));
    entry.make = [] { return std::shared_ptr<const void>(std::make_shared<M>()); };
    entry.append = [member](void* object) -> void* { return &(static_cast<T*>(object)->*member).emplace(); };
    entry.elements = [member](const void* object) {
      const std::optional<M>& value = static_cast<const T*>(object)->*member;
      return value ? std::vector<const void*>{&*value} : std::vector<const void*>{};
    };
    add(std::move(entry));
    return *this;
  }

  /// An array of tables; if present it replaces the default.
  template <class M>
  Schema& table(std::string key, std::vector<M> T::*member, Schema<M> schema, std::string help = "") {
    detail::Entry entry = detail::table_entry(std::move(key), detail::Nesting::array, schema.core(), std::move(help));
    entry.make = [] { return std::shared_ptr<const void>(std::make_shared<M>()); };
    entry.clear = [member](void* object) { (static_cast<T*>(object)->*member).clear(); };
    entry.append = [member](void* object) -> void* { return &(static_cast<T*>(object)->*member).emplace_back(); };
    entry.elements = [member](const void* object) {
      std::vector<const void*> pointers;
      for (const M& element : static_cast<const T*>(object)->*member) pointers.push_back(&element);
      return pointers;
    };
    add(std::move(entry));
    return *this;
  }

  /// A key that someone else reads: accepted and ignored here.
  Schema& leave(std::string key) {
    core_.leave(std::move(key));
    return *this;
  }

  /// Throws Error (config) with the place and the dotted key: unknown key (with the nearest known one), wrong type,
  /// value out of range, missing required key.
  [[nodiscard]] T read(const Value& table) const {
    T object{};
    core_.read(&object, table, detail::Where{core_.name(), ""});
    return object;
  }

  /// Every field, defaults included, in the order of declaration; empty optionals are left out. read(resolve(x)) gives
  /// x if x is within the limits. Throws Error (config) for an unsigned value above 2^63 - 1, which TOML cannot hold.
  [[nodiscard]] Value resolve(const T& value) const { return core_.resolve(&value); }

  /// One entry a field; nested ones have dotted keys ("optimizer.rate"), those of arrays of tables "stage[].steps".
  /// A nested table has an entry of its own only if it was given help.
  [[nodiscard]] std::vector<FieldInfo> fields() const {
    const T defaults{};
    return core_.fields(&defaults, "");
  }

  [[nodiscard]] const std::string& name() const noexcept { return core_.name(); }
  [[nodiscard]] const std::string& help() const noexcept { return core_.help(); }
  [[nodiscard]] const detail::Core& core() const noexcept { return core_; }

 private:
  void add(detail::Entry entry) {
    const T defaults{};
    core_.add(std::move(entry), &defaults);
  }

  detail::Core core_;
};

/// An aligned text table, for `stet plugin info`. Empty columns are left out; ends with a newline unless empty.
[[nodiscard]] std::string format_fields(std::span<const FieldInfo> fields);

}  // namespace stet::config
