// What a phase trains on: sequences by (epoch, index).
#pragma once

#include <stet/data/batch.hpp>
#include <stet/data/sampler.hpp>

#include <cstdint>
#include <functional>
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
  /// Sequence `index` (< epoch_size) of `epoch`; a pure function, so that any rank can ask for any sequence. Its `example`
  /// must identify the content: equal numbers, equal tokens.
  std::function<TokenSequence(std::uint64_t epoch, std::uint64_t index)> sequence;
  /// Size of that sequence, without reading it; a pure function too. Optional: with it, a rank asks for the sequences
  /// of its own part of a batch alone (once each, in the order of the sampler), otherwise for all of the batch.
  std::function<SequenceSize(std::uint64_t epoch, std::uint64_t index)> size = {};
};

}  // namespace stet
