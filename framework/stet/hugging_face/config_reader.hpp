// The fields of a config.json, each with the type that it must have. For the readers of this room's architectures
// alone.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace stet {

/// Every member throws Error (data) that names the file and the field.
class ConfigReader {
 public:
  using Json = nlohmann::json;

  explicit ConfigReader(const std::filesystem::path& file)
      : file_(file.string()), json_(parse_json(read_file(file), file_, NonFinite::as_text)) {
    if (!json_.is_object()) throw Error(ErrorKind::data, "the file is not an object").at(file_);
  }
  ConfigReader(std::string file, Json object) : file_(std::move(file)), json_(std::move(object)) {}

  [[nodiscard]] bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  template <class T>
  [[nodiscard]] T get(const char* key) const {
    if (!json_.contains(key)) throw Error(ErrorKind::data, std::string("missing field '") + key + "'").at(file_);
    return convert<T>(key);
  }
  template <class T>
  [[nodiscard]] T get(const char* key, T fallback) const {
    return has(key) ? convert<T>(key) : fallback;
  }
  /// Absent, null, or one of `values`.
  void expect(const char* key, std::initializer_list<Json> values) const {
    if (!has(key)) return;
    std::string allowed;
    for (const Json& value : values) {
      if (json_[key] == value) return;
      allowed += (allowed.empty() ? "" : " or ") + value.dump();
    }
    throw Error(ErrorKind::data, std::string("unsupported value of '") + key + "'")
        .at(file_)
        .expected(allowed.empty() ? "null" : allowed)
        .received(json_[key].dump());
  }
  /// The object under a key; absent or null: nothing.
  [[nodiscard]] std::optional<ConfigReader> object(const char* key) const {
    if (!has(key)) return std::nullopt;
    if (!json_[key].is_object())
      throw Error(ErrorKind::data, std::string("field '") + key + "' is not an object").at(file_);
    return ConfigReader(file_ + ", " + key, json_[key]);
  }
  /// The list under a key; absent or null: nothing.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> whole_numbers(const char* key) const {
    if (!has(key)) return std::nullopt;
    std::vector<std::int64_t> numbers;
    for (const Json& element : json_[key]) {
      const std::optional<std::int64_t> number = as_whole(element);
      if (!json_[key].is_array() || !number)
        throw Error(ErrorKind::data, std::string("field '") + key + "' is not a list of whole numbers").at(file_);
      numbers.push_back(*number);
    }
    return numbers;
  }
  /// Every element of the list under a key, if there is one, is `value`.
  void expect_all(const char* key, const Json& value) const {
    if (!has(key)) return;
    for (const Json& element : json_[key]) {
      if (element != value) {
        throw Error(ErrorKind::data, std::string("unsupported value in '") + key + "'")
            .at(file_)
            .expected(value.dump())
            .received(element.dump());
      }
    }
  }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  template <class T>
  [[nodiscard]] T convert(const char* key) const {
    const Json& value = json_[key];
    if constexpr (std::is_same_v<T, bool>) {
      if (value.is_boolean()) return value.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (value.is_string()) return value.get<std::string>();
    } else if constexpr (std::is_same_v<T, double>) {
      if (value.is_number()) return value.get<double>();
    } else {
      if (const std::optional<std::int64_t> number = as_whole(value)) return *number;
    }
    throw Error(ErrorKind::data, std::string("field '") + key + "' has the wrong type")
        .at(file_)
        .received(value.dump());
  }
  std::string file_;
  Json json_;
};

}  // namespace stet
