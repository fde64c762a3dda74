// The TOML tables of the two worlds.
#pragma once

#include <stet/config/schema.hpp>
#include <stet/data/entity_questions_world.hpp>
#include <stet/data/synthetic_world.hpp>

namespace stet {

[[nodiscard]] config::Schema<SyntheticWorldOptions> synthetic_world_schema();
[[nodiscard]] config::Schema<EntityQuestionsOptions> entity_questions_schema();

}  // namespace stet
