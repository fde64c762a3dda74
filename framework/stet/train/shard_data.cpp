#include <stet/train/shard_data.hpp>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace stet {

TrainingData shard_data(std::shared_ptr<ShardSet> set, std::string name) {
  TrainingData data{std::move(name), set->size(),
                    [set](std::uint64_t /*epoch*/, std::uint64_t index) { return set->sequence(index); }};
  data.size = [set](std::uint64_t /*epoch*/, std::uint64_t index) {
    const ShardFile::Size size = set->size_of(index);
    return SequenceSize{size.tokens, size.loss_tokens};
  };
  data.fetch = [set](std::span<const std::uint64_t> indices, Need need) { set->fetch(indices, need); };
  data.mean_bytes = set->mean_bytes();
  return data;
}

TrainingData join_data(TrainingData first, TrainingData second) {
  const std::uint64_t border = first.epoch_size;
  TrainingData data{first.name + " + " + second.name, border + second.epoch_size, {}};
  if (first.size && second.size) {  // else the sizes of one part would be had by making its sequences
    data.size = [one = first.size, two = second.size, border](std::uint64_t epoch, std::uint64_t index) {
      return index < border ? one(epoch, index) : two(epoch, index - border);
    };
  }
  if (first.fetch || second.fetch) {
    data.mean_bytes = std::max(first.mean_bytes, second.mean_bytes);
    data.fetch = [one = first.fetch, two = second.fetch, border](std::span<const std::uint64_t> indices, Need need) {
      const auto split = std::lower_bound(indices.begin(), indices.end(), border);
      if (one && split != indices.begin()) one({indices.begin(), split}, need);
      if (!two || split == indices.end()) return;
      std::vector<std::uint64_t> moved(split, indices.end());
      for (std::uint64_t& index : moved) index -= border;
      two(moved, need);
    };
  }
  data.sequence = [first = std::move(first), second = std::move(second), border](std::uint64_t epoch,
                                                                                 std::uint64_t index) {
    if (index < border) return first.sequence(epoch, index);
    TokenSequence sequence = second.sequence(epoch, index - border);
    sequence.example += border;
    return sequence;
  };
  return data;
}

}  // namespace stet
