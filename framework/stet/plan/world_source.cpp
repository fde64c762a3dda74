#include <stet/plan/world_source.hpp>

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

Tokenizer make_tokenizer(const DataConfig& data, const World& world) {
  return data.tokenizer.empty() ? world.make_tokenizer() : Tokenizer::load(data.tokenizer);
}

World make_world(const RunConfig& config) { return config.prompt.apply(make_world(config.data)); }

Tokenizer make_tokenizer(const RunConfig& config, const World& world) {
  return config.base.given() ? base_tokenizer(config.base.folder) : make_tokenizer(config.data, world);
}

const World& Worlds::of(const RunConfig& config) {
  const config::Value all = resolve(config);
  std::unique_ptr<const World>& world = worlds_[config::config_hash(*all.find("data")) + config.prompt.pattern];
  if (!world) world = std::make_unique<const World>(make_world(config));
  return *world;
}

}  // namespace stet
