#include <stet/data/shard_stream.hpp>

#include <stet/base/error.hpp>
#include <stet/data/position_walk.hpp>

namespace stet {

ShardStream::ShardStream(ShardSet& set, Sampler sampler, ShardStreamOptions options)
    : set_(set), sampler_(sampler), options_(options), position_(options.position) {
  STET_ASSERT(sampler_.size() == set_.size() && options.batch_size > 0 && options.rank < options.ranks);
  if (options.look_ahead) {
    PositionWalk walk(sampler_.size(),
                      {options.batch_size, options.position, options.end, options.ranks, options.rank, 1});
    lookahead_.emplace(
        [walk, sampler]() mutable {
          const std::optional<std::uint64_t> position = walk.next();
          return position ? std::optional(sampler.index(*position)) : std::nullopt;
        },
        [&set](std::span<const std::uint64_t> indices, Need need) { set.fetch(indices, need); },
        Lookahead::chunk_for(set.mean_bytes(), options.ranks));
  }
  if (options.ahead == 0) return;
  ahead_ = std::make_unique<Prefetcher<ShardBatch>>(
      [this, position = position_]() mutable {
        std::optional<ShardBatch> batch = read(position);
        if (batch) position = batch->range.end;
        return batch;
      },
      options.ahead);
}

std::optional<ShardBatch> ShardStream::read(std::uint64_t position) {
  if (position >= options_.end) return std::nullopt;
  ShardBatch batch;
  batch.range = batch_at(position, sampler_.size(), options_.batch_size);
  batch.own = part_of(batch.range, options_.rank, options_.ranks);
  batch.sequences.reserve(batch.own.end - batch.own.begin);
  for (std::uint64_t p = batch.own.begin; p < batch.own.end; ++p) {
    if (lookahead_) lookahead_->before_one();
    batch.sequences.push_back(set_.sequence(sampler_.index(p)));
  }
  return batch;
}

std::optional<ShardBatch> ShardStream::next() {
  std::optional<ShardBatch> batch = ahead_ ? ahead_->next() : read(position_);
  if (batch) position_ = batch->range.end;
  return batch;
}

}  // namespace stet
