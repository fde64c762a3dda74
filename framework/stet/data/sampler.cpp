#include <stet/data/sampler.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <algorithm>

namespace stet {

Sampler::Sampler(std::uint64_t size, std::uint64_t seed, BlockOrder blocks)
    : size_(size), seed_(seed), blocks_(blocks) {
  STET_ASSERT(size > 0 && blocks.window > 0);
}

std::uint64_t Sampler::index(std::uint64_t position) const {
  if (blocks_.block > 0) return in_blocks(epoch(position), position % size_);
  return KeyedPermutation(size_, seed_, epoch(position))(position % size_);
}

std::uint64_t Sampler::in_blocks(std::uint64_t epoch, std::uint64_t place) const {
  // Within its window.
  const std::uint64_t span = blocks_.block * blocks_.window;
  const std::uint64_t begin = place / span * span;
  Random key(seed_, "window", place / span, static_cast<std::uint32_t>(epoch));
  place = begin + KeyedPermutation(std::min(span, size_ - begin), seed_, key.bits64())(place - begin);
  // The blocks in their order: whole ones permuted, the rest of size_ / block, if any, between two of them.
  const std::uint64_t whole = size_ / blocks_.block, rest = size_ % blocks_.block;
  const std::uint64_t rest_at = Random(seed_, "rest", epoch).below(whole + 1) * blocks_.block;
  if (rest > 0 && place >= rest_at) {
    if (place < rest_at + rest) return whole * blocks_.block + (place - rest_at);
    place -= rest;
  }
  return KeyedPermutation(whole, seed_, epoch)(place / blocks_.block) * blocks_.block + place % blocks_.block;
}

BatchRange batch_at(std::uint64_t position, std::uint64_t epoch_size, std::uint64_t batch_size) {
  const std::uint64_t epoch_end = (position / epoch_size + 1) * epoch_size;
  return {position, std::min(position + batch_size, epoch_end)};
}

std::uint64_t steps_per_epoch(std::uint64_t epoch_size, std::uint64_t batch_size) {
  return (epoch_size + batch_size - 1) / batch_size;
}

BatchRange part_of(BatchRange range, std::uint64_t index, std::uint64_t parts) {
  const std::uint64_t size = range.end - range.begin;
  return {range.begin + size * index / parts, range.begin + size * (index + 1) / parts};
}

}  // namespace stet
