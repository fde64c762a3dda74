#include <stet/config/value.hpp>

#include <algorithm>
#include <cmath>

namespace stet::config {

Value::Value() : content_(Members{}) {}
Value::Value(bool value) : content_(value) {}
Value::Value(std::int64_t value) : content_(value) {}
Value::Value(int value) : content_(std::int64_t{value}) {}
Value::Value(double value) : content_(value) {}
Value::Value(std::string value) : content_(std::move(value)) {}
Value::Value(const char* value) : content_(std::string(value)) {}
Value::Value(std::vector<Value> items) : content_(std::move(items)) {}
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;
Value Value::array() { return Value(std::vector<Value>{}); }

namespace {
Error wrong_kind(const Value& value, std::string_view expected) {
  return error_at(value, "wrong type").expected(std::string(expected)).received(describe(value));
}

bool same_real(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}
}  // namespace

void Value::set_source(Source source) {
  source_ = std::move(source);
  key_line_ = source_.line;
  key_column_ = source_.column;
}

void Value::set_key_position(std::size_t line, std::size_t column) noexcept {
  key_line_ = line;
  key_column_ = column;
}

bool Value::as_boolean() const {
  if (const auto* value = std::get_if<bool>(&content_)) return *value;
  throw wrong_kind(*this, "boolean");
}

std::int64_t Value::as_integer() const {
  if (const auto* value = std::get_if<std::int64_t>(&content_)) return *value;
  throw wrong_kind(*this, "integer");
}

double Value::as_real() const {
  if (const auto* value = std::get_if<double>(&content_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&content_)) return static_cast<double>(*value);
  throw wrong_kind(*this, "real");
}

const std::string& Value::as_string() const {
  if (const auto* value = std::get_if<std::string>(&content_)) return *value;
  throw wrong_kind(*this, "string");
}

const std::vector<Value>& Value::items() const {
  if (const auto* value = std::get_if<std::vector<Value>>(&content_)) return *value;
  throw wrong_kind(*this, "array");
}

std::vector<Value>& Value::items() {
  if (auto* value = std::get_if<std::vector<Value>>(&content_)) return *value;
  throw wrong_kind(*this, "array");
}

const Value::Members& Value::members() const {
  if (const auto* value = std::get_if<Members>(&content_)) return *value;
  throw wrong_kind(*this, "table");
}

const Value* Value::find(std::string_view key) const noexcept {
  const auto* members = std::get_if<Members>(&content_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Value* Value::find(std::string_view key) noexcept {
  return const_cast<Value*>(static_cast<const Value*>(this)->find(key));
}

Value& Value::set(std::string key, Value value) {
  auto* members = std::get_if<Members>(&content_);
  if (members == nullptr) throw wrong_kind(*this, "table");
  if (Value* present = find(key)) return *present = std::move(value);
  return members->emplace_back(std::move(key), std::move(value)).second;
}

bool Value::erase(std::string_view key) {
  auto* members = std::get_if<Members>(&content_);
  if (members == nullptr) throw wrong_kind(*this, "table");
  return std::erase_if(*members, [key](const auto& member) { return member.first == key; }) > 0;
}

bool Value::operator==(const Value& other) const {
  if (kind() != other.kind()) return false;
  if (const auto* real = std::get_if<double>(&content_)) return same_real(*real, std::get<double>(other.content_));
  const auto* members = std::get_if<Members>(&content_);
  if (members == nullptr) return content_ == other.content_;
  return members->size() == other.members().size() &&
         std::all_of(members->begin(), members->end(), [&other](const auto& member) {
           const Value* found = other.find(member.first);
           return found != nullptr && *found == member.second;
         });
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::boolean: return "boolean";
    case Value::Kind::integer: return "integer";
    case Value::Kind::real: return "real";
    case Value::Kind::string: return "string";
    case Value::Kind::array: return "array";
    case Value::Kind::table: return "table";
  }
  return "";
}

Error error_at(const Value& value, std::string message) {
  const Source& source = value.source();
  return Error(ErrorKind::config, std::move(message)).at(source.file, source.line, source.column);
}

Error error_at_key(const Value& value, std::string message) {
  const Source source = value.key_source();
  return Error(ErrorKind::config, std::move(message)).at(source.file, source.line, source.column);
}

bool is_typed(const Value& value) {
  const std::string& file = value.source().file;
  return file.empty() || file.starts_with("--set ");
}

std::filesystem::path named_path(const Value& value) {
  std::filesystem::path named = value.as_string();
  return is_typed(value) ? named : std::filesystem::path(value.source().file).parent_path() / named;
}

}  // namespace stet::config
