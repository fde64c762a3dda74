#include <stet/data/position_walk.hpp>

#include <stet/base/error.hpp>

namespace stet {

PositionWalk::PositionWalk(std::uint64_t epoch_size, const PositionPlan& plan)
    : epoch_size_(epoch_size), plan_(plan), begin_(plan.position) {
  STET_ASSERT(plan.batch_size > 0 && plan.own_parts > 0 && plan.first_part + plan.own_parts <= plan.parts);
  enter();
}

std::optional<std::uint64_t> PositionWalk::next() {
  while (begin_ < plan_.end && at_ == own_end_) {
    begin_ = batch_end_;
    enter();
  }
  if (begin_ >= plan_.end) return std::nullopt;
  return at_++;
}

void PositionWalk::enter() {
  const BatchRange batch = batch_at(begin_, epoch_size_, plan_.batch_size);
  batch_end_ = batch.end;
  at_ = part_of(batch, plan_.first_part, plan_.parts).begin;
  own_end_ = part_of(batch, plan_.first_part + plan_.own_parts - 1, plan_.parts).end;
}

}  // namespace stet
