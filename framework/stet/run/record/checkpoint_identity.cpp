#include <stet/run/record/checkpoint_identity.hpp>

#include <stet/config/document.hpp>

#include <optional>
#include <string>
#include <utility>

namespace stet {

namespace {

using config::Value;

struct Difference {
  std::string key;
  const Value *wanted = nullptr, *found = nullptr;  // null: absent there
};

/// The first key, by `wanted`'s order, whose values differ; through tables and arrays of the same length.
std::optional<Difference> first_difference(const std::string& key, const Value& wanted, const Value& found) {
  if (wanted == found) return std::nullopt;
  const auto below = [&](const std::string& name) { return key.empty() ? name : key + "." + name; };
  if (wanted.is(Value::Kind::table) && found.is(Value::Kind::table)) {
    for (const auto& [name, value] : wanted.members()) {
      const Value* const theirs = found.find(name);
      if (theirs == nullptr) return Difference{below(name), &value, nullptr};
      if (std::optional<Difference> inner = first_difference(below(name), value, *theirs)) return inner;
    }
    for (const auto& [name, value] : found.members()) {
      if (wanted.find(name) == nullptr) return Difference{below(name), nullptr, &value};
    }
  }
  if (wanted.is(Value::Kind::array) && found.is(Value::Kind::array) && wanted.items().size() == found.items().size()) {
    for (std::size_t i = 0; i < wanted.items().size(); ++i) {
      if (std::optional<Difference> inner =
              first_difference(key + "[" + std::to_string(i) + "]", wanted.items()[i], found.items()[i]))
        return inner;
    }
  }
  return Difference{key, &wanted, &found};
}

}  // namespace

void write_identity(Checkpoint& checkpoint, const Value& identity) {
  checkpoint.metadata["identity"] = config::to_toml(identity);
}

void refuse_other_identity(const Checkpoint& checkpoint, const Value& identity, const std::filesystem::path& folder) {
  const auto said = checkpoint.metadata.find("identity");
  if (said == checkpoint.metadata.end() || said->second.find('\n') == std::string::npos) return;
  const std::string place = (folder / ("step-" + std::to_string(checkpoint.step))).string();
  const Value theirs = config::parse(said->second, place);
  const std::optional<Difference> difference = first_difference("", identity, theirs);
  if (!difference) return;
  const auto shown = [&](const Value* value) {
    return difference->key + (value == nullptr ? " absent" : " = " + config::describe(*value));
  };
  throw Error(ErrorKind::checkpoint, "the checkpoint is of another experiment, model or plugin")
      .at(place)
      .expected(shown(difference->wanted))
      .received(shown(difference->found))
      .hint("it was put here from elsewhere: remove the folder " + folder.string() + ", and the task begins anew");
}

}  // namespace stet
