#include <stet/train/shard_data.hpp>

#include <stet/base/error.hpp>
#include <stet/data/lookahead.hpp>
#include <stet/data/position_walk.hpp>
#include <stet/data/prefetch.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace stet {

namespace {

struct Ready {
  std::uint64_t epoch, index;
  TokenSequence sequence;
};

struct Pump {
  std::optional<Ready> head;  // taken out of the queue, not yet asked for
  std::unique_ptr<Prefetcher<Ready>> queue;
};

}  // namespace

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

TrainingData read_ahead(TrainingData data, const Sampler& sampler, const ReadAhead& plan) {
  STET_ASSERT(sampler.size() == data.epoch_size && plan.batch_size > 0 && plan.own_parts > 0 &&
              plan.first_part + plan.own_parts <= plan.parts);
  const auto make = data.sequence;
  const std::uint64_t own = plan.batch_size * plan.own_parts / plan.parts + 1;
  const PositionPlan positions{plan.batch_size, plan.position, plan.end, plan.parts, plan.first_part, plan.own_parts};
  PositionWalk walk(sampler.size(), positions);
  std::optional<Lookahead> lookahead;
  if (data.fetch) {
    lookahead.emplace(
        [walk, sampler]() mutable {
          const std::optional<std::uint64_t> position = walk.next();
          return position ? std::optional(sampler.index(*position)) : std::nullopt;
        },
        data.fetch,
        Lookahead::chunk_for(data.mean_bytes, std::max<std::uint64_t>(1, positions.parts / positions.own_parts)));
  }
  const auto pump = std::make_shared<Pump>();
  pump->queue = std::make_unique<Prefetcher<Ready>>(
      [make, sampler, walk, lookahead = std::move(lookahead)]() mutable -> std::optional<Ready> {
        const std::optional<std::uint64_t> position = walk.next();
        if (!position) return std::nullopt;
        if (lookahead) lookahead->before_one();
        const std::uint64_t epoch = sampler.epoch(*position), index = sampler.index(*position);
        return Ready{epoch, index, make(epoch, index)};
      },
      std::max<std::size_t>(plan.batches, 1) * static_cast<std::size_t>(own));
  data.sequence = [make, pump](std::uint64_t epoch, std::uint64_t index) {
    if (!pump->head) pump->head = pump->queue->next();
    if (!pump->head || pump->head->epoch != epoch || pump->head->index != index) return make(epoch, index);
    TokenSequence sequence = std::move(pump->head->sequence);
    pump->head.reset();
    return sequence;
  };
  return data;
}

}  // namespace stet
