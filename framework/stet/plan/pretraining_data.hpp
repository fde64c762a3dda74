// What a base model is pre-trained on: the world's texts and token shards, as sequences in an order.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/data/sampler.hpp>
#include <stet/plan/run_config.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/train/training_data.hpp>
#include <stet/world/world.hpp>

#include <cstdint>
#include <filesystem>

namespace stet {

/// The world's texts, then the sequences of pretrain.shards. With pretrain.texts_per_sequence above 1, so many texts of
/// the world are laid end to end, each with its end token, and cut at model.context; which texts meet is drawn anew
/// every epoch, and an epoch shows each text once (but for what is cut). `index`: of the base. `world` and `tokenizer`
/// must outlive the result. Throws Error (data or config) if the shards are of another tokenizer or longer than the
/// model's context.
[[nodiscard]] TrainingData make_pretraining_data(const RunConfig& config, const World& world,
                                                 const Tokenizer& tokenizer, std::int64_t index);
/// Its order.
[[nodiscard]] Sampler make_pretraining_sampler(const RunConfig& config, const TrainingData& data, std::int64_t index);

/// Collective: the ranks share the shards. Throws Error (data) if a checksum is wrong.
void verify_shards(const std::filesystem::path& folder, Communicator& communicator);

}  // namespace stet
