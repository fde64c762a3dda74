// Sequences made ready before the trainer asks for them, on a thread of their own.
#pragma once

#include <stet/data/sampler.hpp>
#include <stet/train/training_data.hpp>

#include <cstddef>
#include <cstdint>

namespace stet {

/// What a trainer asks for, so that it can be made ready before.
struct ReadAhead {
  std::uint64_t batch_size = 64;
  std::uint64_t position = 0;                   ///< where training begins, a batch's beginning
  std::uint64_t end = UINT64_MAX;               ///< no batch begins there or behind
  std::uint64_t parts = 1;                      ///< GradientReducer::shards()
  std::uint64_t first_part = 0, own_parts = 1;  ///< first_shard(), local_shards()
  std::size_t batches = 4;                      ///< ahead, at most
};

/// The same data, whose sequence() finds its answer ready when it is asked in the sampler's order, batch by batch, for
/// this rank's parts (all of the batch if data.size is absent), as Trainer::step() asks. Another question is answered
/// too, without help. Sequences are made on a thread of their own, so data.sequence must allow that while data.size is
/// called; it ends with the last copy of the result. The answers are asked for by one thread.
[[nodiscard]] TrainingData read_ahead(TrainingData data, const Sampler& sampler, const ReadAhead& plan);

}  // namespace stet
