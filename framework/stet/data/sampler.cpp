#include <stet/data/sampler.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>

namespace stet {

Sampler::Sampler(std::uint64_t size, std::uint64_t seed) : size_(size), seed_(seed) { STET_ASSERT(size > 0); }

std::uint64_t Sampler::index(std::uint64_t position) const {
  return KeyedPermutation(size_, seed_, epoch(position))(position % size_);
}

}  // namespace stet
