// What a phase trains on: sequences by (epoch, index), and the deterministic cut of an epoch into batches.
#pragma once

#include <stet/data/batch.hpp>
#include <stet/data/sampler.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace stet {

struct TrainingData {
  std::string name;          ///< for messages: "known + unknown"
  std::uint64_t epoch_size;  ///< sequences an epoch
  /// Sequence `index` (< epoch_size) of `epoch`; a pure function, so that any rank can ask for any sequence. Its `example`
  /// must identify the content: equal numbers, equal tokens.
  std::function<TokenSequence(std::uint64_t epoch, std::uint64_t index)> sequence;
};

/// Positions [begin, end) of the sampler that the batch starting at `position` takes. A batch ends with its epoch, so
/// that evaluation after an epoch has seen every sequence exactly as often.
struct BatchRange {
  std::uint64_t begin, end;
};
[[nodiscard]] BatchRange batch_at(std::uint64_t position, std::uint64_t epoch_size, std::uint64_t batch_size);

[[nodiscard]] std::uint64_t steps_per_epoch(std::uint64_t epoch_size, std::uint64_t batch_size);

/// Part `index` of `parts` of a range: contiguous, sizes differing by at most one, possibly empty.
[[nodiscard]] BatchRange part_of(BatchRange range, std::uint64_t index, std::uint64_t parts);

}  // namespace stet
