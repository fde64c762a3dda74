#include <stet/train/shard_data.hpp>

#include <stet/base/error.hpp>
#include <stet/data/prefetch.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace stet {

namespace {

struct Ready {
  std::uint64_t epoch, index;
  TokenSequence sequence;
};

/// The positions that a rank asks for, one after another.
class Walk {
 public:
  Walk(const Sampler& sampler, const ReadAhead& plan, bool everything) : sampler_(sampler), plan_(plan), everything_(everything), begin_(plan.position) {
    enter();
  }
  /// The position, or nothing behind the end.
  [[nodiscard]] std::optional<std::uint64_t> next() {
    while (begin_ < plan_.end && at_ == own_.end) {
      begin_ = batch_.end;
      enter();
    }
    if (begin_ >= plan_.end) return std::nullopt;
    return at_++;
  }

 private:
  void enter() {
    batch_ = batch_at(begin_, sampler_.size(), plan_.batch_size);
    own_ = batch_;
    if (!everything_) {
      own_ = {part_of(batch_, plan_.first_part, plan_.parts).begin, part_of(batch_, plan_.first_part + plan_.own_parts - 1, plan_.parts).end};
    }
    at_ = own_.begin;
  }

  Sampler sampler_;
  ReadAhead plan_;
  bool everything_;
  std::uint64_t begin_, at_ = 0;
  BatchRange batch_{0, 0}, own_{0, 0};
};

struct Pump {
  std::optional<Ready> head;  // taken out of the queue, not yet asked for
  std::unique_ptr<Prefetcher<Ready>> queue;
};

}  // namespace

TrainingData shard_data(std::shared_ptr<ShardSet> set, std::string name) {
  TrainingData data{std::move(name), set->size(), [set](std::uint64_t /*epoch*/, std::uint64_t index) { return set->sequence(index); }};
  data.size = [set](std::uint64_t /*epoch*/, std::uint64_t index) {
    const ShardFile::Size size = set->size_of(index);
    return SequenceSize{size.tokens, size.loss_tokens};
  };
  return data;
}

TrainingData join_data(TrainingData first, TrainingData second) {
  const std::uint64_t border = first.epoch_size;
  TrainingData data{first.name + " + " + second.name, border + second.epoch_size, {}};
  const auto size_of = [](const TrainingData& part, std::uint64_t epoch, std::uint64_t index) {
    if (part.size) return part.size(epoch, index);
    const TokenSequence sequence = part.sequence(epoch, index);
    return SequenceSize{sequence.ids.size(), sequence.loss_tokens()};
  };
  data.size = [first, second, border, size_of](std::uint64_t epoch, std::uint64_t index) {
    return index < border ? size_of(first, epoch, index) : size_of(second, epoch, index - border);
  };
  data.sequence = [first = std::move(first), second = std::move(second), border](std::uint64_t epoch, std::uint64_t index) {
    if (index < border) return first.sequence(epoch, index);
    TokenSequence sequence = second.sequence(epoch, index - border);
    sequence.example += border;
    return sequence;
  };
  return data;
}

TrainingData read_ahead(TrainingData data, const Sampler& sampler, const ReadAhead& plan) {
  STET_ASSERT(sampler.size() == data.epoch_size && plan.batch_size > 0 && plan.own_parts > 0 && plan.first_part + plan.own_parts <= plan.parts);
  const auto make = data.sequence;
  const std::uint64_t own = data.size ? plan.batch_size * plan.own_parts / plan.parts + 1 : plan.batch_size;
  const auto pump = std::make_shared<Pump>();
  pump->queue = std::make_unique<Prefetcher<Ready>>(
      [make, sampler, walk = Walk(sampler, plan, !data.size)]() mutable -> std::optional<Ready> {
        const std::optional<std::uint64_t> position = walk.next();
        if (!position) return std::nullopt;
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
