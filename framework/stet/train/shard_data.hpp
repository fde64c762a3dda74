// Training data from token shards.
#pragma once

#include <stet/data/shard_set.hpp>
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

}  // namespace stet
