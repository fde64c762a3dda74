// The TOML tables of the worlds.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/world/entity_questions_world.hpp>
#include <stet/world/facts/facts_world.hpp>
#include <stet/world/synthetic_world.hpp>

namespace stet {

[[nodiscard]] config::IdentitySchema<SyntheticWorldOptions> synthetic_world_schema();
[[nodiscard]] config::IdentitySchema<EntityQuestionsOptions> entity_questions_schema();
[[nodiscard]] config::IdentitySchema<FactsOptions> facts_schema();

}  // namespace stet
