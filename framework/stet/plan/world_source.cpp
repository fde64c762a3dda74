#include <stet/plan/world_source.hpp>

#include <stet/base/error.hpp>
#include <stet/config/document.hpp>

namespace stet {

World make_world(const DataConfig& data) {
  switch (data.world) {
    case WorldKind::synthetic: break;
    case WorldKind::entity_questions: return make_entity_questions_world(data.entity_questions);
    case WorldKind::facts: return make_facts_world(data.facts);
  }
  return make_synthetic_world(data.synthetic);
}

std::vector<std::string> find_facts_files(const config::Value& data, bool base_given) {
  using config::Value;
  if (!base_given) {
    throw error_at(*data.find("world"), "questions of your own are asked of a model that is there already")
        .expected("[base] folder = \"...\"")
        .received("an experiment that pre-trains its base");
  }
  const Value* facts = data.find("facts");
  const Value* files = facts != nullptr ? facts->find("files") : nullptr;
  if (files == nullptr || files->items().empty()) {
    throw error_at(facts != nullptr ? *facts : data, "the questions' files are not named")
        .expected("[data.facts] files = [\"questions.jsonl\"]");
  }
  std::vector<std::string> paths;
  for (const Value& file : files->items()) paths.push_back(config::named_path(file).string());
  return paths;
}

Tokenizer make_tokenizer(const DataConfig& data, const World& world) {
  return data.tokenizer.empty() ? world.make_tokenizer() : Tokenizer::load(data.tokenizer);
}

World make_world(const RunConfig& config) { return config.prompt.apply(make_world(config.data)); }

Tokenizer make_tokenizer(const RunConfig& config, const World& world) {
  return config.base.given() ? base_tokenizer(config.base.folder) : make_tokenizer(config.data, world);
}

const World& Worlds::of(const RunConfig& config) {
  const config::Value all = resolve(config);
  std::unique_ptr<const World>& world =
      worlds_[config::config_hash(*all.find("data")) + config::config_hash(*all.find("prompt"))];
  if (!world) world = std::make_unique<const World>(make_world(config));
  return *world;
}

}  // namespace stet
