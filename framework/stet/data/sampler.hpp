// The order of training examples.
#pragma once

#include <cstdint>

namespace stet {

/// The order of each epoch is a keyed permutation, computed for each index by itself: constant memory, the state is one
/// integer, and the order is the same for any number of ranks. It depends on (size, seed, epoch) alone.
class Sampler {
 public:
  /// `size`: examples an epoch, positive.
  Sampler(std::uint64_t size, std::uint64_t seed);

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// The example at `position`, which counts over epochs: epoch = position / size. Each epoch has its own permutation.
  [[nodiscard]] std::uint64_t index(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t epoch(std::uint64_t position) const { return position / size_; }

 private:
  std::uint64_t size_, seed_;
};

}  // namespace stet
