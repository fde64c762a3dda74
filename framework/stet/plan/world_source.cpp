#include <stet/plan/world_source.hpp>

namespace stet {

World make_world(const DataConfig& data) {
  return data.world == WorldKind::synthetic ? make_synthetic_world(data.synthetic)
                                            : make_entity_questions_world(data.entity_questions);
}

Tokenizer make_tokenizer(const DataConfig& data, const World& world) {
  return data.tokenizer.empty() ? world.make_tokenizer() : Tokenizer::load(data.tokenizer);
}

}  // namespace stet
