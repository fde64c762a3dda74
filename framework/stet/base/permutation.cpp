#include <stet/base/permutation.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>

#include <bit>

namespace stet {

KeyedPermutation::KeyedPermutation(std::uint64_t n, std::uint64_t seed, std::uint64_t stream) noexcept
    : n_(n),
      half_bits_(n > 1 ? (static_cast<unsigned>(std::bit_width(n - 1)) + 1) / 2 : 1),
      key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      stream_(stream) {
  STET_ASSERT(n > 0);
}

std::uint64_t KeyedPermutation::operator()(std::uint64_t index) const noexcept {
  STET_ASSERT(index < n_);
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t value = index;
  do {
    std::uint64_t left = value >> half_bits_, right = value & mask;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const Block f = philox4x32({static_cast<std::uint32_t>(right), static_cast<std::uint32_t>(stream_),
                                  static_cast<std::uint32_t>(stream_ >> 32), round ^ 0x6F726465U},
                                 key_);
      const std::uint64_t next = left ^ (f[0] & mask);
      left = right;
      right = next;
    }
    value = left << half_bits_ | right;
  } while (value >= n_);
  return value;
}

}  // namespace stet
