// The texts that a base model is pre-trained on, as sequences.
#pragma once

#include <stet/data/world.hpp>
#include <stet/experiment/run_config.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/train/training_data.hpp>

#include <cstdint>

namespace stet {

/// One text of the world a sequence; or `texts_per_sequence` of them laid end to end, each with its end token, then cut at
/// `context` tokens. Which texts meet in a sequence is drawn anew every epoch from `seed`; an epoch shows each text once (but
/// for what is cut). The arguments must outlive the result.
[[nodiscard]] TrainingData pretraining_data(const World& world, const Tokenizer& tokenizer, std::int64_t texts_per_sequence,
                                            std::int64_t context, std::uint64_t seed);

}  // namespace stet
