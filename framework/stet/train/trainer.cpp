#include <stet/train/trainer.hpp>

#include <stet/base/error.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/train/adamw.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace stet {

Trainer::Trainer(const Transformer& model, at::Tensor weights, TrainOptions options, Communicator& communicator)
    : model_(model),
      weights_(std::move(weights)),
      options_(options),
      communicator_(communicator),
      reducer_(
          communicator, weights_.numel(), weights_.scalar_type(), options.micro_shards,
          static_cast<std::int64_t>(options.bucket_megabytes * 1e6 / static_cast<double>(weights_.element_size()))),
      examples_(model, communicator, reducer_.shards()) {}

void Trainer::begin_phase(const TrainableSelection& chosen, std::vector<ActiveRegularizer> regularizers,
                          const Snapshots& snapshots, const at::Tensor& phase_start) {
  const ParameterTable& table = model_.table();
  TrainableSelection selection = chosen;
  if (selection.trains.empty()) selection.trains.assign(table.size(), true);
  refuse_if(wrong_with_selection(selection, table), expected_of_selection);
  trains_ = selection.trains;
  masks_ = selection.masks;
  ranges_.clear();
  trainable_ = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!trains_[i] || selection.low_rank.contains(i)) continue;
    const auto mask = masks_.find(i);
    const bool decays = table[i].shape.size() > 1;
    const std::uint8_t* const bytes = mask == masks_.end() ? nullptr : mask->second.data_ptr<std::uint8_t>();
    Range* const previous = ranges_.empty() ? nullptr : &ranges_.back();
    if (previous != nullptr && previous->offset + previous->count == table[i].offset && previous->decays == decays &&
        previous->mask == nullptr && bytes == nullptr) {
      previous->count += table[i].count;
    } else {
      ranges_.push_back({table[i].offset, table[i].count, trainable_, decays, bytes});
    }
    trainable_ += table[i].count;
  }
  low_rank_ = {};
  if (!selection.low_rank.empty()) {
    low_rank_ = LowRankUpdates(table, selection, phase_start.defined() ? phase_start : weights_.clone());
    trainable_ += low_rank_.elements();
  }
  optimizer_ = {at::zeros({trainable_}, weights_.scalar_type()), at::zeros({trainable_}, weights_.scalar_type()), 0};
  if (!low_rank_.empty()) optimizer_.factors = low_rank_.initial_factors(examples_.seed());
  regularizers_ = std::move(regularizers);
  all_rows_ = false;
  acting_.clear();
  for (const ActiveRegularizer& r : regularizers_) {
    Acting& acting = acting_.emplace_back();
    acting.site = hook(r, "site", [&] { return r.object->site(); });
    if (acting.site != Site::outputs) continue;
    acting.scope = hook(r, "scope", [&] { return r.object->scope(); });
    acting.rehearsal = hook(r, "rehearsal", [&] { return r.object->rehearsal(); });
    all_rows_ = all_rows_ || acting.scope == RowScope::all;
    if (acting.rehearsal && acting.rehearsal->per_step > 0)
      static_cast<void>(examples_.sequences(acting.rehearsal->set));
  }
  snapshots_ = &snapshots;
  teachers_.clear();
}

StepReport Trainer::step(const TrainingData& data, const Sampler& sampler, BatchRange range, std::int64_t total_steps) {
  const auto shards = static_cast<std::uint64_t>(reducer_.shards());
  const auto positions_of = [&](std::int64_t local) {
    return part_of({0, range.end - range.begin}, static_cast<std::uint64_t>(reducer_.first_shard() + local), shards);
  };
  // This rank's sequences, and what all of the batch amounts to. No rank makes another's sequences to know their sizes.
  const BatchRange own = {positions_of(0).begin, positions_of(reducer_.local_shards() - 1).end};
  std::vector<TokenSequence> sequences;
  std::array<std::int64_t, 2> amount{};  // tokens, and those with loss
  StepReport report;
  // What fails on one rank does not keep it from the reductions that the others wait in: the step is finished with
  // whatever the buffers hold, and the failure told with the sums.
  std::optional<Error> failure;
  const auto attempt = [&](const auto& work) {
    if (communicator_.size() == 1) return work();
    if (failure) return;
    try {
      work();
    } catch (...) {
      failure = current_error(ErrorKind::internal);
    }
  };
  attempt([&] {
    for (std::uint64_t place = 0; place < range.end - range.begin; ++place) {
      const std::uint64_t epoch = sampler.epoch(range.begin + place), index = sampler.index(range.begin + place);
      const bool mine = place >= own.begin && place < own.end;
      if (mine) sequences.push_back(data.sequence(epoch, index));
      if (!mine && !data.size) continue;
      const SequenceSize size = data.size ? data.size(epoch, index)
                                          : SequenceSize{sequences.back().ids.size(), sequences.back().loss_tokens()};
      amount[0] += static_cast<std::int64_t>(size.tokens);
      amount[1] += static_cast<std::int64_t>(size.loss_tokens);
    }
  });
  if (!data.size) communicator_.all_reduce_sum(std::span<std::int64_t>(amount));  // whole numbers: exact in any order
  report.tokens = amount[0];
  const auto rows = static_cast<double>(amount[1]);
  std::vector<std::vector<double>> sums;
  for (std::int64_t local = 0; local < reducer_.local_shards(); ++local) {
    const BatchRange part = positions_of(local);
    const at::Tensor& gradient = reducer_.begin_shard();
    ShardSums shard;
    attempt([&] {
      const std::span<const TokenSequence> mine(sequences.data() + (part.begin - own.begin), part.end - part.begin);
      shard = run_shard(mine, reducer_.first_shard() + local, rows, static_cast<double>(range.end - range.begin),
                        gradient, local + 1 == reducer_.local_shards());
    });
    reducer_.end_shard();
    shard.penalties.resize(regularizers_.size());
    sums.push_back(shard.penalties);
    sums.back().push_back(shard.task);
    sums.back().push_back(failure ? 1.0 : 0.0);
  }
  const at::Tensor& gradient = reducer_.finish();
  std::vector<double> totals = reducer_.sum(sums);
  if (totals.back() > 0) {
    collectively(communicator_, [&] {
      if (failure) throw *failure;
    });
  }
  totals.pop_back();
  report.task_loss = totals.back();
  totals.pop_back();
  report.penalties = std::move(totals);

  // Hooks that every rank calls alike may yet fail on one.
  if (regularizers_.empty()) {
    update(gradient, report, total_steps);
  } else {
    collectively(communicator_, [&] { update(gradient, report, total_steps); });
  }
  if (options_.replica_check_steps > 0 && optimizer_.step % options_.replica_check_steps == 0) check_replicas();
  return report;
}

double Trainer::teacher_bytes(double examples) const {
  double sum = 0;
  for (const auto& [name, teacher] : teachers_) {
    if (teacher->cached_examples() == 0) continue;
    const double each = static_cast<double>(teacher->cached_bytes()) / static_cast<double>(teacher->cached_examples());
    sum += each * examples;
  }
  return std::min(sum, options_.teacher_cache_megabytes * 1e6);
}

std::vector<std::string> Trainer::replace_weights() {
  const at::NoGradGuard guard;
  const at::Tensor gradient = at::zeros_like(weights_);
  std::vector<std::string> replaced;
  for (const ActiveRegularizer& regularizer : regularizers_) {
    const std::optional<at::Tensor> weights = hook(regularizer, "replace_weights", [&] {
      const Lent values(weights_, true);
      std::optional<at::Tensor> mine = regularizer.object->replace_weights(weight_context(gradient));
      values.refuse_write("the weights");
      if (mine)
        refuse_if(wrong_with_replacement(*mine, weights_),
                  "finite weights, flat, of the type and number of the present ones");
      return mine;
    });
    if (!weights) continue;
    weights_.copy_(*weights);
    replaced.push_back(regularizer.name);
  }
  return replaced;
}

void Trainer::check_replicas() const {
  if (communicator_.size() == 1) return;
  const std::vector<std::string> whole = communicator_.all_gather(hash_tensor(weights_));
  for (std::size_t rank = 1; rank < whole.size(); ++rank) {
    if (whole[rank] == whole[0]) continue;
    // Rare and fatal: find the first tensor that differs. Every rank takes part.
    for (std::size_t i = 0; i < model_.table().size(); ++i) {
      const std::vector<std::string> one = communicator_.all_gather(hash_tensor(model_.table().view(weights_, i)));
      if (one[rank] == one[0]) continue;
      throw Error(ErrorKind::communication, "the ranks' weights differ")
          .at(fmt::format("rank {}, step {}, {}", rank, optimizer_.step, model_.table()[i].name))
          .expected("equal bits on all ranks")
          .hint(
              "a plugin that is not the same on all ranks, memory faults, or an MPI reduction whose ranks add in "
              "different orders");
    }
  }
}

}  // namespace stet
