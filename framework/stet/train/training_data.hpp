// What a phase trains on: sequences by (epoch, index).
#pragma once

#include <stet/data/batch.hpp>
#include <stet/data/sampler.hpp>
#include <stet/data/shard_set.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace stet {

/// How long a sequence is, which is known before its tokens are read.
struct SequenceSize {
  std::uint64_t tokens = 0;
  std::uint64_t loss_tokens = 0;  ///< predicted with loss
};

struct TrainingData {
  std::string name;          ///< for messages: "known + unknown"
  std::uint64_t epoch_size;  ///< sequences an epoch
  /// Sequence `index` (< epoch_size) of `epoch`; a pure function, so that any rank can ask for any sequence. Its
  /// `example` must identify the content: equal numbers, equal tokens.
  std::function<TokenSequence(std::uint64_t epoch, std::uint64_t index)> sequence;
  /// Size of that sequence, without reading it; a pure function too. Optional: without it the ranks exchange a message
  /// a step to know what a batch amounts to. A rank asks for the sequences of its own part of a batch alone (once each,
  /// in the order of the sampler).
  std::function<SequenceSize(std::uint64_t epoch, std::uint64_t index)> size = {};
  /// Says which sequences will soon be asked for (ascending indices), for data that lies on a disk; does not wait.
  /// Optional, together with `mean_bytes`, what one of them takes there.
  std::function<void(std::span<const std::uint64_t> indices, Need need)> fetch = {};
  std::uint64_t mean_bytes = 0;
};

}  // namespace stet
