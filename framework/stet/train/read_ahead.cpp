#include <stet/train/read_ahead.hpp>

#include <stet/base/error.hpp>
#include <stet/data/lookahead.hpp>
#include <stet/data/position_walk.hpp>
#include <stet/data/prefetch.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

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
