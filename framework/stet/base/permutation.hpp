// A keyed pseudo-random permutation of 0..n-1, computed for each index by itself: constant memory at any n.
#pragma once

#include <array>
#include <cstdint>

namespace stet {

/// Balanced Feistel network over the smallest even number of bits that holds n, with cycle walking: values >= n are
/// sent through again until one falls inside, which keeps it a bijection on [0, n).
class KeyedPermutation {
 public:
  /// `n` must be positive. The permutation is a function of (n, seed, stream) alone.
  KeyedPermutation(std::uint64_t n, std::uint64_t seed, std::uint64_t stream = 0) noexcept;

  [[nodiscard]] std::uint64_t size() const noexcept { return n_; }
  /// The image of `index`, which must be below size(). Expected at most four walks.
  [[nodiscard]] std::uint64_t operator()(std::uint64_t index) const noexcept;

 private:
  static constexpr int rounds = 6;

  std::uint64_t n_;
  unsigned half_bits_;
  std::array<std::uint32_t, 2> key_;
  std::uint64_t stream_;
};

}  // namespace stet
