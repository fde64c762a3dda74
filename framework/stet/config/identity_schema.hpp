// A schema of which each key says whose identity it belongs to (identity.hpp). The tables of an experiment are declared
// with it; a key without that word does not compile. Plugins' own tables need none: they belong to the run as a whole.
//
//   IdentitySchema<Optimizer> schema("optimizer");
//   schema.field("rate", &Optimizer::rate, IdentityPart::run, "learning rate", {.min = 0})
//       .field("threads", &Optimizer::threads, no_part, "of this machine");
//   hash = config_hash(schema.identity(optimizer, IdentityPart::run));
#pragma once

#include <stet/config/identity.hpp>
#include <stet/config/schema.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet::config {

/// Schema, with identities. A value like it.
template <class T>
class IdentitySchema {
 public:
  explicit IdentitySchema(std::string name, std::string help = "") : schema_(std::move(name), std::move(help)) {}

  /// As Schema::field().
  template <class M>
  IdentitySchema& field(std::string key, M T::*member, Identity<T> identity, std::string help, Limits limits = {}) {
    rules_.push_back({key,
                      std::move(identity),
                      [member](const T& object, IdentityPart, Content) { return detail::write_value(object.*member); },
                      {}});
    schema_.field(std::move(key), member, std::move(help), std::move(limits));
    return *this;
  }

  /// As Schema::choice().
  template <class E>
  IdentitySchema& choice(std::string key, E T::*member, Identity<T> identity,
                         std::vector<std::pair<std::string, E>> names, std::string help) {
    rules_.push_back({key,
                      std::move(identity),
                      [member, names](const T& object, IdentityPart, Content) -> std::optional<Value> {
                        for (const auto& [word, value] : names) {
                          if (value == object.*member) return Value(word);
                        }
                        return std::nullopt;
                      },
                      {}});
    schema_.choice(std::move(key), member, std::move(names), std::move(help));
    return *this;
  }

  /// A nested table. Its keys count for what they declare, and only where `identity` counts too.
  template <class M>
  IdentitySchema& table(std::string key, M T::*member, Identity<T> identity, const IdentitySchema<M>& schema,
                        std::string help = "") {
    rules_.push_back({key, std::move(identity),
                      [member, schema](const T& object, IdentityPart part, Content content) -> std::optional<Value> {
                        return schema.identity(object.*member, part, content);
                      },
                      [schema](IdentityPart part) { return schema.may_count(part); }});
    schema_.table(std::move(key), member, schema.plain(), std::move(help));
    return *this;
  }

  /// An array of tables.
  template <class M>
  IdentitySchema& table(std::string key, std::vector<M> T::*member, Identity<T> identity,
                        const IdentitySchema<M>& schema, std::string help = "") {
    rules_.push_back({key, std::move(identity),
                      [member, schema](const T& object, IdentityPart part, Content content) -> std::optional<Value> {
                        Value array = Value::array();
                        for (const M& element : object.*member)
                          array.items().push_back(schema.identity(element, part, content));
                        return array;
                      },
                      [schema](IdentityPart part) { return schema.may_count(part); }});
    schema_.table(std::move(key), member, schema.plain(), std::move(help));
    return *this;
  }

  /// A key of identities alone, which no file has: what stands behind another key, such as the content of a file that
  /// it names. Nothing: left out.
  IdentitySchema& derived(std::string key, Identity<T> identity,
                          std::function<std::optional<Value>(const T& object, IdentityPart part)> value) {
    rules_.push_back(
        {std::move(key),
         std::move(identity),
         [value = std::move(value)](const T& object, IdentityPart part, Content content) -> std::optional<Value> {
           std::optional<Value> found = value(object, part);
           return found && content == Content::named ? Value(true) : std::move(found);
         },
         {}});
    return *this;
  }

  /// As Schema::leave(). Whoever reads the key adds it to the identity.
  IdentitySchema& leave(std::string key) {
    schema_.leave(std::move(key));
    return *this;
  }

  /// What `part` depends on: every key that counts for it, defaults included. A table none of whose keys can count is
  /// left out. With Content::named, `true` stands for each derived key that there is: things that differ in the content
  /// of their inputs alone then give the same.
  [[nodiscard]] Value identity(const T& object, IdentityPart part, Content content = Content::hashed) const {
    const T defaults{};
    Value table = Value::table();
    for (const Rule& rule : rules_) {
      if (!rule.identity.counts(part, object) || (rule.may_count && !rule.may_count(part))) continue;
      std::optional<Value> value = rule.write(object, part, content);
      if (!value || (rule.identity.is_later() && value == rule.write(defaults, part, content))) continue;
      table.set(rule.key, std::move(*value));
    }
    return table;
  }
  /// Whether any key can count for `part`.
  [[nodiscard]] bool may_count(IdentityPart part) const {
    for (const Rule& rule : rules_) {
      if (rule.identity.may_count(part) && (!rule.may_count || rule.may_count(part))) return true;
    }
    return false;
  }

  /// The schema without identities.
  [[nodiscard]] const Schema<T>& plain() const noexcept { return schema_; }
  [[nodiscard]] T read(const Value& table) const { return schema_.read(table); }
  [[nodiscard]] Value resolve(const T& value) const { return schema_.resolve(value); }
  [[nodiscard]] std::vector<FieldInfo> fields() const { return schema_.fields(); }

 private:
  struct Rule {
    std::string key;
    Identity<T> identity;
    std::function<std::optional<Value>(const T& object, IdentityPart part, Content content)> write;
    std::function<bool(IdentityPart part)> may_count;  // of a nested table
  };

  Schema<T> schema_;
  std::vector<Rule> rules_;
};

}  // namespace stet::config
