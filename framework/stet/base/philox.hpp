// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// A draw is a pure function of (seed, purpose, step, index): there is no generator state to save, to restore or to
// share. Not for cryptography.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <utility>

namespace stet {

using Block = std::array<std::uint32_t, 4>;

/// The Philox4x32-10 bijection: 128 bits of counter and 64 bits of key to 128 random bits.
[[nodiscard]] constexpr Block philox4x32(Block counter, std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// FNV-1a of a purpose's name, so that call sites say what a draw is for ("init", "order", ...).
[[nodiscard]] constexpr std::uint32_t purpose_id(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return hash;
}

/// A stream of draws at one (seed, purpose, step, index). Two objects made from the same four numbers give the same
/// draws; any differing number gives an independent stream of up to 2^32 blocks.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0, std::uint32_t step = 0) noexcept
      : key_{static_cast<std::uint32_t>(seed) ^ purpose_id(purpose), static_cast<std::uint32_t>(seed >> 32) + step},
        index_(index) {}

  [[nodiscard]] std::uint32_t bits32() noexcept {
    if (used_ == 4) {
      block_ = philox4x32(
          {block_index_++, static_cast<std::uint32_t>(index_), static_cast<std::uint32_t>(index_ >> 32), 0x73746574U},
          key_);
      used_ = 0;
    }
    return block_[used_++];
  }
  [[nodiscard]] std::uint64_t bits64() noexcept {
    const std::uint64_t high = bits32();
    return high << 32 | bits32();
  }

  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] double uniform() noexcept { return static_cast<double>(bits64() >> 11) * 0x1.0p-53; }

  /// Uniform in [0, n), exactly (Lemire's rejection method). `n` must be positive.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept {
    __extension__ using Wide = unsigned __int128;
    Wide product = Wide{bits64()} * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t threshold = (0 - n) % n;
      while (static_cast<std::uint64_t>(product) < threshold) product = Wide{bits64()} * n;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// Standard normal (Box-Muller).
  [[nodiscard]] double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

  /// Fisher-Yates shuffle.
  template <class T>
  void shuffle(std::span<T> values) noexcept {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t index_;
  std::uint32_t block_index_ = 0;
  unsigned used_ = 4;
  Block block_{};
};

}  // namespace stet
