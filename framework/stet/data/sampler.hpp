// The order of training examples, and the deterministic cut of an epoch into batches and parts of batches.
#pragma once

#include <cstdint>

namespace stet {

/// An order that is random from afar and local from near, for data on disk: blocks of `block` neighbours are permuted,
/// and each `window` blocks that come together are permuted example by example. block = 0: no blocks, one permutation
/// of all.
struct BlockOrder {
  std::uint64_t block = 0;    ///< examples
  std::uint64_t window = 64;  ///< blocks; at least 1
};

/// The order of each epoch is a keyed permutation, computed for each index by itself: constant memory, the state is one
/// integer, and the order is the same for any number of ranks. It depends on (size, seed, epoch, blocks) alone.
class Sampler {
 public:
  /// `size`: examples an epoch, positive.
  Sampler(std::uint64_t size, std::uint64_t seed, BlockOrder blocks = {});

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// The example at `position`, which counts over epochs: epoch = position / size. Each epoch has its own permutation.
  [[nodiscard]] std::uint64_t index(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t epoch(std::uint64_t position) const { return position / size_; }

 private:
  [[nodiscard]] std::uint64_t in_blocks(std::uint64_t epoch, std::uint64_t place) const;

  std::uint64_t size_, seed_;
  BlockOrder blocks_;
};

/// Positions [begin, end) of the sampler that the batch starting at `position` takes. A batch ends with its epoch, so
/// that evaluation after an epoch has seen every sequence exactly as often.
struct BatchRange {
  std::uint64_t begin, end;
  friend bool operator==(const BatchRange&, const BatchRange&) = default;
};
[[nodiscard]] BatchRange batch_at(std::uint64_t position, std::uint64_t epoch_size, std::uint64_t batch_size);

[[nodiscard]] std::uint64_t steps_per_epoch(std::uint64_t epoch_size, std::uint64_t batch_size);

/// Part `index` of `parts` of a range: contiguous, sizes differing by at most one, possibly empty.
[[nodiscard]] BatchRange part_of(BatchRange range, std::uint64_t index, std::uint64_t parts);

}  // namespace stet
