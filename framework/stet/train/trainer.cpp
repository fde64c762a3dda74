#include <stet/train/trainer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/plugin/handover.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <utility>

namespace stet {

Trainer::Trainer(const Transformer& model, at::Tensor weights, TrainOptions options, Communicator& communicator)
    : model_(model),
      weights_(std::move(weights)),
      options_(options),
      communicator_(communicator),
      reducer_(
          communicator, weights_.numel(), weights_.scalar_type(), options.micro_shards,
          static_cast<std::int64_t>(options.bucket_megabytes * 1e6 / static_cast<double>(weights_.element_size()))),
      examples_(model, communicator, reducer_.shards()),
      regularizers_(communicator),
      loss_(model, weights_, options_, examples_, regularizers_, communicator),
      update_(model.table(), weights_, options_) {}

void Trainer::begin_phase(const TrainableSelection& chosen, const std::vector<ActiveRegularizer>& regularizers,
                          const Snapshots& snapshots, const at::Tensor& phase_start) {
  regularizers_.replace(regularizers);
  update_.begin_phase(chosen, phase_start, examples_.seed(), regularizers_.act_on_weights());
  reducer_.resize(update_.layout().elements());
  for (const PhaseRegularizers::Entry& regularizer : regularizers_) {
    if (regularizer.rehearses()) static_cast<void>(examples_.sequences(regularizer.rehearsal->set));
  }
  snapshots_ = &snapshots;
  loss_.begin_phase(update_.layout(), update_.optimizer().factors, snapshots);
}

namespace {
/// The lowest bit of a number in the middle: the smallest damage there is.
void flip_bit(const at::Tensor& weights) {
  auto* const bytes = static_cast<std::byte*>(weights.data_ptr());
  bytes[weights.numel() / 2 * static_cast<std::int64_t>(weights.element_size())] ^= std::byte{1};
}
}  // namespace

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
      if (options_.log_samples) report.samples.push_back(index);
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
    LossSums shard;
    attempt([&] {
      const std::span<const TokenSequence> mine(sequences.data() + (part.begin - own.begin), part.end - part.begin);
      const BatchLoss::Shard which{static_cast<std::uint64_t>(reducer_.first_shard() + local), shards,
                                   update_.optimizer().step, rows, static_cast<double>(range.end - range.begin)};
      const bool last = local + 1 == reducer_.local_shards();
      shard = loss_.shard(
          mine, which, gradient,
          last ? [this](std::int64_t offset) { reducer_.complete_from(offset); } : std::function<void(std::int64_t)>());
    });
    reducer_.end_shard();
    shard.penalties.resize(regularizers_.size());
    sums.push_back(shard.penalties);
    sums.back().push_back(shard.task);
    sums.back().push_back(failure ? 1.0 : 0.0);
  }
  fault_point("train.reduce");
  const at::Tensor& gradient = reducer_.finish();
  if (nan_is_due("train.reduce")) gradient.view({-1})[0].fill_(std::numeric_limits<double>::quiet_NaN());
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

  fault_point("train.update");
  // Hooks that every rank calls alike may yet fail on one.
  if (regularizers_.empty()) {
    update(gradient, report, total_steps);
  } else {
    collectively(communicator_, [&] { update(gradient, report, total_steps); });
  }
  if (flip_is_due("train.update")) flip_bit(weights_);
  if (options_.replica_check_steps > 0 && update_.optimizer().step % options_.replica_check_steps == 0)
    check_replicas();
  return report;
}

void Trainer::update(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps) {
  const at::NoGradGuard guard;
  const at::Tensor none;
  const WeightContext context = weight_context(update_.layout().whole() ? gradient : none);
  const std::int64_t step = update_.optimizer().step;
  // Writes through pointers cost two passes over memory to find: looked for in a phase's first step and as often as
  // replicas are compared.
  const bool closely =
      step == 0 || (options_.replica_check_steps > 0 && (step + 1) % options_.replica_check_steps == 0);
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    const PhaseRegularizers::Entry& regularizer = regularizers_[i];
    if (regularizer.site != Site::weights) continue;
    report.penalties[i] = regularizers_.hook(regularizer, "add_gradient", [&] {
      const Lent values(weights_, closely);
      const double value = regularizer.object->add_gradient(context);
      values.refuse_write("the weights");
      if (std::isfinite(report.task_loss)) check_penalty(value);
      return value;
    });
  }
  report.loss = report.task_loss;
  for (const double penalty : report.penalties) report.loss += penalty;
  report.gradient_norm = update_.prepare(gradient);
  report.learning_rate = rate_at(options_, step, total_steps);
  refuse_unless_finite(report);
  const double clip = options_.clip;
  update_.apply(gradient, report.learning_rate,
                clip > 0 && report.gradient_norm > clip ? clip / report.gradient_norm : 1.0);
  for (const PhaseRegularizers::Entry& regularizer : regularizers_) {
    regularizers_.hook(regularizer, "after_step", [&] {
      const Lent values(weights_, closely), whole(gradient, closely);
      regularizer.object->after_step(context);
      values.refuse_write("the weights");
      whole.refuse_write("the gradient");
    });
  }
}

WeightContext Trainer::weight_context(const at::Tensor& gradient) const {
  return {model_.table(),           weights_,       gradient, update_.trains(), *snapshots_, examples_,
          update_.optimizer().step, update_.masks()};
}

/// Asked again, into zeros, once the whole gradient is known to be of no use: the run ends with it. Empty: none of
/// them.
std::string Trainer::who_is_not_finite() const {
  for (const PhaseRegularizers::Entry& regularizer : regularizers_) {
    if (regularizer.site != Site::weights) continue;
    const at::Tensor alone = at::zeros_like(weights_);
    try {
      static_cast<void>(regularizers_.hook(regularizer, "add_gradient",
                                           [&] { return regularizer.object->add_gradient(weight_context(alone)); }));
    } catch (const Error&) {
      continue;  // it has no answer a second time
    }
    if (!all_finite(alone)) return regularizer.name;
  }
  return "";
}

void Trainer::refuse_unless_finite(const StepReport& report) const {
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    const std::string guilty = std::isfinite(report.loss) ? who_is_not_finite() : "";
    throw Error(ErrorKind::numerical, !std::isfinite(report.loss) ? "the loss is not finite"
                                      : guilty.empty()
                                          ? "the gradient is not finite"
                                          : "the gradient is not finite: regularizer '" + guilty + "', add_gradient")
        .at("step " + std::to_string(update_.optimizer().step))
        .received(fmt::format("loss {}, gradient norm {}, learning rate {}", report.loss, report.gradient_norm,
                              report.learning_rate))
        .hint("lower train.learning_rate, or set train.warmup_steps and train.clip");
  }
}

std::vector<std::string> Trainer::replace_weights() {
  const at::NoGradGuard guard;
  const at::Tensor gradient = at::zeros_like(weights_);
  std::vector<std::string> replaced;
  for (const PhaseRegularizers::Entry& regularizer : regularizers_) {
    const std::optional<at::Tensor> weights = regularizers_.hook(regularizer, "replace_weights", [&] {
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
          .at(fmt::format("rank {}, step {}, {}", rank, update_.optimizer().step, model_.table()[i].name))
          .expected("equal bits on all ranks")
          .hint(
              "a plugin that is not the same on all ranks, memory faults, or an MPI reduction whose ranks add in "
              "different orders");
    }
  }
}

}  // namespace stet
