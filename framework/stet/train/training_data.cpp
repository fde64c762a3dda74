#include <stet/train/training_data.hpp>

#include <algorithm>

namespace stet {

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
