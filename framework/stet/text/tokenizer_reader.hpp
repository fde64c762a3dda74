// Reading tokenizer.json: every field is either used or required to have a value that means "nothing"; anything else is
// refused by the path of the field. Not for other rooms.
#pragma once

#include <stet/base/error.hpp>
#include <stet/config/json.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>

namespace stet {

class TokenizerReader {
  using json = nlohmann::json;

 public:
  explicit TokenizerReader(const std::string& where) : where_(where) {}

  [[nodiscard]] Error unsupported(const std::string& field, const std::string& expected, const json& received) const {
    return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\" has a value that stet does not support", field))
        .at(where_)
        .expected(expected)
        .received(excerpt(received))
        .hint("supported are byte-level BPE, BPE with byte fallback, and word-level tokenizers");
  }

  [[nodiscard]] Error malformed(const std::string& field, const std::string& expected, const json& received) const {
    return Error(ErrorKind::data, fmt::format("tokenizer field \"{}\" is malformed", field))
        .at(where_)
        .expected(expected)
        .received(excerpt(received));
  }

  /// The member, or null if there is none.
  [[nodiscard]] static const json& member(const json& object, const char* key) {
    static const json none;
    const auto found = object.find(key);
    return found == object.end() ? none : *found;
  }

  void require_object(const json& value, const std::string& field) const {
    if (!value.is_object()) throw malformed(field, "an object", value);
  }

  void only(const json& object, const std::string& prefix, std::initializer_list<const char*> known) const {
    for (const auto& item : object.items()) {
      if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
        throw unsupported(prefix + item.key(), "no such field", item.value());
      }
    }
  }

  /// Absent, null or one of the values.
  void neutral(const json& object, const std::string& prefix, const char* key,
               std::initializer_list<json> values) const {
    const json& value = member(object, key);
    if (value.is_null() || std::find(values.begin(), values.end(), value) != values.end()) return;
    std::string expected = "null";
    for (const json& v : values) expected += " or " + v.dump();
    throw unsupported(prefix + key, expected, value);
  }

  void type(const json& object, const std::string& field, const char* expected) const {
    require_object(object, field);
    if (member(object, "type") != expected) {
      throw unsupported(field + ".type", json(expected).dump(), member(object, "type"));
    }
  }

  /// True or false; `absent` if there is no such member.
  [[nodiscard]] bool flag(const json& object, const std::string& prefix, const char* key,
                          std::optional<bool> absent = std::nullopt) const {
    const json& value = member(object, key);
    if (value.is_null() && absent && !object.contains(key)) return *absent;
    if (!value.is_boolean()) throw malformed(prefix + key, "true or false", value);
    return value.get<bool>();
  }

  [[nodiscard]] std::string text(const json& object, const std::string& prefix, const char* key) const {
    const json& value = member(object, key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      throw malformed(prefix + key, "a text that is not empty", value);
    }
    return value.get<std::string>();
  }

  [[nodiscard]] const json& array(const json& object, const std::string& prefix, const char* key) const {
    const json& value = member(object, key);
    if (!value.is_array()) throw malformed(prefix + key, "an array", value);
    return value;
  }

  /// The flags that every ByteLevel has; they matter to the pre-tokenizer alone.
  void byte_level_flags(const json& object, const std::string& prefix) const {
    only(object, prefix, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    for (const char* key : {"add_prefix_space", "trim_offsets", "use_regex"}) {
      static_cast<void>(flag(object, prefix, key, true));
    }
  }

  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  const std::string& where_;
};

// The parts of the file around the model (pipeline_json.cpp). Each fills what it stands for in `parts`.
void read_normalizer(const TokenizerReader& reader, const nlohmann::json& value, const std::string& field,
                     TokenizerParts& parts);
/// Of a byte-level tokenizer: any number of splits, and ByteLevel as the last step.
void read_pre_tokenizer(const TokenizerReader& reader, const nlohmann::json& value, TokenizerParts& parts);
/// Of one on characters: nothing, or Metaspace.
void read_metaspace(const TokenizerReader& reader, const nlohmann::json& value, TokenizerParts& parts);
/// Of one on characters: Replace, ByteFallback, Fuse, and perhaps Strip, in this order.
void read_character_decoder(const TokenizerReader& reader, const nlohmann::json& value, TokenizerParts& parts);
/// After the tokens have been read: the special tokens of a template are looked up.
void read_post_processor(const TokenizerReader& reader, const nlohmann::json& value, TokenizerParts& parts);

}  // namespace stet
