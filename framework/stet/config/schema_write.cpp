// A field's value as a Value.
#include <stet/config/schema_core.hpp>

#include <limits>

namespace stet::config::detail {

Entry::Entry() = default;
Entry::Entry(const Entry& other) = default;
Entry::Entry(Entry&& other) noexcept = default;
Entry& Entry::operator=(const Entry& other) = default;
Entry& Entry::operator=(Entry&& other) noexcept = default;
Entry::~Entry() = default;
Core::Core(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
Core::Core(const Core& other) = default;
Core::Core(Core&& other) noexcept = default;
Core& Core::operator=(const Core& other) = default;
Core& Core::operator=(Core&& other) noexcept = default;
Core::~Core() = default;

namespace {
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
}

std::optional<Value> write_value(bool value) { return value; }
std::optional<Value> write_value(int value) { return value; }
std::optional<Value> write_value(std::int64_t value) { return value; }
std::optional<Value> write_value(std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(largest)) {
    throw Error(ErrorKind::config, "TOML cannot hold so large a number")
        .expected("at most " + std::to_string(largest))
        .received(std::to_string(value));
  }
  return static_cast<std::int64_t>(value);
}
std::optional<Value> write_value(double value) { return value; }
std::optional<Value> write_value(const std::string& value) { return value; }
std::optional<Value> write_value(const std::map<std::string, std::string>& value) {
  Value table = Value::table();
  for (const auto& [key, text] : value) table.set(key, text);
  return table;
}

}  // namespace stet::config::detail
