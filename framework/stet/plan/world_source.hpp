// The world that an experiment's [data] describes, and its tokenizer.
#pragma once

#include <stet/plan/run_config.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/world.hpp>

namespace stet {

/// Throws Error (data) for EntityQuestions whose files cannot be read.
[[nodiscard]] World make_world(const DataConfig& data);

/// The world's own, or data.tokenizer.
[[nodiscard]] Tokenizer make_tokenizer(const DataConfig& data, const World& world);

}  // namespace stet
