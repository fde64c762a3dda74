#include <stet/plan/world_source.hpp>

#include <stet/config/document.hpp>

namespace stet {

World make_world(const DataConfig& data) {
  return data.world == WorldKind::synthetic ? make_synthetic_world(data.synthetic)
                                            : make_entity_questions_world(data.entity_questions);
}

Tokenizer make_tokenizer(const DataConfig& data, const World& world) {
  return data.tokenizer.empty() ? world.make_tokenizer() : Tokenizer::load(data.tokenizer);
}

const World& Worlds::of(const RunConfig& config) {
  const config::Value all = resolve(config);
  std::unique_ptr<const World>& world = worlds_[config::config_hash(*all.find("data"))];
  if (!world) world = std::make_unique<const World>(make_world(config.data));
  return *world;
}

}  // namespace stet
