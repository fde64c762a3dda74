// Training data from token shards, and reading ahead of the trainer.
#pragma once

#include <stet/data/sampler.hpp>
#include <stet/data/shard_set.hpp>
#include <stet/data/shard_stream.hpp>
#include <stet/train/training_data.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace stet {

/// The sequences of `set`, the same every epoch, with their sizes. Use shard_order for the Sampler: an order that hops
/// over the whole set reads a page for every sequence.
[[nodiscard]] TrainingData shard_data(std::shared_ptr<ShardSet> set, std::string name);

/// `first`, then `second`: index first.epoch_size + i of an epoch is sequence i of `second`, whose `example` numbers
/// are moved up by first.epoch_size. Sizes are known if both know theirs, or can be had by making the sequence.
[[nodiscard]] TrainingData join_data(TrainingData first, TrainingData second);

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
