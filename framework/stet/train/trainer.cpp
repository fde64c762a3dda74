#include <stet/train/trainer.hpp>

#include <stet/base/error.hpp>
#include <stet/model/kernels_cpu.hpp>
#include <stet/train/adamw.hpp>

#include <cmath>

namespace stet {

namespace {
template <class F>
auto by_type(at::ScalarType type, F&& function) {
  return type == at::kDouble ? function(double{}) : function(float{});
}
template <class T>
at::Tensor to_tensor(const std::vector<T>& values) {
  return at::tensor(values);
}
}  // namespace

Trainer::Trainer(const Transformer& model, at::Tensor weights, TrainOptions options, Communicator& communicator)
    : model_(model),
      weights_(std::move(weights)),
      options_(options),
      communicator_(communicator),
      reducer_(communicator, weights_.numel(), weights_.scalar_type(), options.micro_shards,
               static_cast<std::int64_t>(options.bucket_megabytes * 1e6 / static_cast<double>(weights_.element_size()))) {}

void Trainer::begin_phase(const TrainableSelection& selection, std::vector<ActiveRegularizer> regularizers,
                          const Snapshots& snapshots, const at::Tensor& phase_start) {
  const ParameterTable& table = model_.table();
  trains_ = selection.trains.empty() ? std::vector<bool>(table.size(), true) : selection.trains;
  STET_ASSERT(trains_.size() == table.size());
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
  if (!low_rank_.empty()) optimizer_.factors = low_rank_.initial_factors();
  regularizers_ = std::move(regularizers);
  all_rows_ = false;
  for (const ActiveRegularizer& r : regularizers_) {
    all_rows_ = all_rows_ || (r.object->site() == Site::outputs && r.object->scope() == RowScope::all);
  }
  snapshots_ = &snapshots;
  teachers_.clear();
}

StepReport Trainer::step(const TrainingData& data, const Sampler& sampler, BatchRange range, std::int64_t total_steps) {
  const auto shards = static_cast<std::uint64_t>(reducer_.shards());
  const auto positions_of = [&](std::int64_t local) {
    return part_of({0, range.end - range.begin}, static_cast<std::uint64_t>(reducer_.first_shard() + local), shards);
  };
  // This rank's sequences, and what all of the batch amounts to. Without data.size all sequences are read for that.
  BatchRange own = {0, range.end - range.begin};
  if (data.size) own = {positions_of(0).begin, positions_of(reducer_.local_shards() - 1).end};
  std::vector<TokenSequence> sequences;
  double rows = 0;
  StepReport report;
  for (std::uint64_t place = 0; place < range.end - range.begin; ++place) {
    const std::uint64_t epoch = sampler.epoch(range.begin + place), index = sampler.index(range.begin + place);
    if (place >= own.begin && place < own.end) sequences.push_back(data.sequence(epoch, index));
    const SequenceSize size =
        data.size ? data.size(epoch, index) : SequenceSize{sequences.back().ids.size(), sequences.back().loss_tokens()};
    rows += static_cast<double>(size.loss_tokens);
    report.tokens += static_cast<std::int64_t>(size.tokens);
  }
  std::vector<std::vector<double>> sums;
  for (std::int64_t local = 0; local < reducer_.local_shards(); ++local) {
    const BatchRange part = positions_of(local);
    const at::Tensor& gradient = reducer_.begin_shard();
    const std::span<const TokenSequence> mine(sequences.data() + (part.begin - own.begin), part.end - part.begin);
    const ShardSums shard = run_shard(mine, rows, static_cast<double>(range.end - range.begin), gradient,
                                      local + 1 == reducer_.local_shards());
    reducer_.end_shard();
    sums.push_back(shard.penalties);
    sums.back().push_back(shard.task);
  }
  const at::Tensor& gradient = reducer_.finish();
  std::vector<double> totals = reducer_.sum(sums);
  report.task_loss = totals.back();
  totals.pop_back();
  report.penalties = std::move(totals);

  const WeightContext context{model_.table(), weights_, gradient, trains_, *snapshots_};
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    if (regularizers_[i].object->site() != Site::weights) continue;
    const at::NoGradGuard guard;
    report.penalties[i] = regularizers_[i].object->add_gradient(context);
  }
  report.loss = report.task_loss;
  for (const double penalty : report.penalties) report.loss += penalty;
  apply(gradient, report, total_steps);
  if (options_.replica_check_steps > 0 && optimizer_.step % options_.replica_check_steps == 0) check_replicas();
  return report;
}

Trainer::ShardSums Trainer::run_shard(std::span<const TokenSequence> sequences, double global_rows, double global_sequences,
                                      const at::Tensor& gradient, bool last_shard) {
  ShardSums sums;
  sums.penalties.assign(regularizers_.size(), 0.0);
  const auto pieces = static_cast<std::uint64_t>(options_.accumulation);
  for (std::uint64_t piece = 0; piece < pieces; ++piece) {
    const BatchRange part = part_of({0, sequences.size()}, piece, pieces);
    if (part.begin == part.end) continue;
    micro_batch(sequences.subspan(part.begin, part.end - part.begin), global_rows, global_sequences, gradient,
                last_shard && piece + 1 == pieces, sums);
  }
  return sums;
}

void Trainer::micro_batch(std::span<const TokenSequence> sequences, double global_rows, double global_sequences,
                          const at::Tensor& gradient, bool last, ShardSums& sums) {
  const PackedBatch batch = pack(sequences);
  // The rows that something reads: those with task loss, or every row that predicts a token.
  std::vector<std::int64_t> row_list, target_list;
  std::vector<std::int32_t> sequence_of;
  std::vector<bool> is_answer;
  std::vector<double> answer_rows(sequences.size());
  for (const std::int32_t s : batch.sequence_of) ++answer_rows[static_cast<std::size_t>(s)];
  if (all_rows_) {
    std::size_t next = 0;
    for (std::size_t b = 0; b < sequences.size(); ++b) {
      for (std::int64_t row = batch.offsets[b]; row + 1 < batch.offsets[b + 1]; ++row) {
        row_list.push_back(row);
        target_list.push_back(batch.tokens[static_cast<std::size_t>(row) + 1]);
        sequence_of.push_back(static_cast<std::int32_t>(b));
        is_answer.push_back(next < batch.loss_rows.size() && batch.loss_rows[next] == row);
        if (is_answer.back()) ++next;
      }
    }
  } else {
    row_list = batch.loss_rows;
    target_list = batch.targets;
    sequence_of = batch.sequence_of;
    is_answer.assign(row_list.size(), true);
  }
  const at::Tensor rows = to_tensor(row_list), targets = to_tensor(target_list);
  const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
  const at::Tensor hidden = model_.forward(weights_, tokens, &rows, &activations_);
  at::Tensor d_hidden;
  {
    const at::NoGradGuard guard;
    const at::Tensor head = model_.head(weights_);
    const at::Tensor logits = hidden.matmul(head.t());
    at::Tensor d_logits = at::empty_like(logits);
    const std::int64_t P = logits.size(0), V = logits.size(1);
    sums.task += by_type(weights_.scalar_type(), [&]<class T>(T) {
      std::vector<T> weight(static_cast<std::size_t>(P)), losses(weight.size());
      for (std::size_t p = 0; p < weight.size(); ++p) {
        if (!is_answer[p]) continue;
        const double w = options_.loss_mean == LossMean::token
                             ? 1.0 / global_rows
                             : 1.0 / (global_sequences * answer_rows[static_cast<std::size_t>(sequence_of[p])]);
        weight[p] = static_cast<T>(w);
      }
      kernels::cross_entropy<T>(logits.data_ptr<T>(), target_list.data(), weight.data(), losses.data(),
                                d_logits.data_ptr<T>(), nullptr, P, V);
      double sum = 0;
      for (std::size_t p = 0; p < weight.size(); ++p) sum += static_cast<double>(weight[p]) * static_cast<double>(losses[p]);
      return sum;
    });
    d_hidden = output_penalties(batch, rows, sequence_of, is_answer, hidden, logits, targets, global_sequences, d_logits, sums);
    at::Tensor through_head = d_logits.matmul(head);
    d_hidden = d_hidden.defined() ? d_hidden + through_head : through_head;
    if (trains_[model_.head_index()]) {
      at::Tensor d_head = model_.head(gradient);
      at::addmm_out(d_head, d_head, d_logits.t(), hidden);
    }
  }
  const bool untied = !model_.config().tied_head;
  if (last && untied) reducer_.complete_from(model_.table()[model_.head_index()].offset);
  model_.backward(weights_, tokens, activations_, d_hidden, gradient, trains_,
                  last ? [this](std::int64_t offset) { reducer_.complete_from(offset); } : std::function<void(std::int64_t)>());
}

/// Adds the gradients of all output regularizers: into d_logits, and what goes to hidden states directly is returned
/// (undefined if nothing).
at::Tensor Trainer::output_penalties(const PackedBatch& batch, const at::Tensor& rows,
                                     std::span<const std::int32_t> sequence_of, const std::vector<bool>& is_answer,
                                     const at::Tensor& hidden, const at::Tensor& logits, const at::Tensor& targets,
                                     double global_sequences, at::Tensor& d_logits, ShardSums& sums) {
  at::Tensor d_hidden;
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    Regularizer& regularizer = *regularizers_[i].object;
    if (regularizer.site() != Site::outputs) continue;
    const bool everywhere = regularizer.scope() == RowScope::all;
    std::vector<double> count(batch.examples.size());
    for (std::size_t p = 0; p < sequence_of.size(); ++p) {
      if (everywhere || is_answer[p]) ++count[static_cast<std::size_t>(sequence_of[p])];
    }
    std::vector<double> weight(sequence_of.size());
    for (std::size_t p = 0; p < sequence_of.size(); ++p) {
      if (everywhere || is_answer[p]) weight[p] = 1.0 / (global_sequences * count[static_cast<std::size_t>(sequence_of[p])]);
    }
    OutputContext context;
    context.hidden = hidden.detach().requires_grad_(true);
    context.logits = logits.detach().requires_grad_(true);
    context.targets = targets;
    context.row_weights = to_tensor(weight).to(logits.scalar_type());
    context.sequence_of = sequence_of;
    context.examples = batch.examples;
    context.snapshot_logits = [&](const std::string& name) {
      std::unique_ptr<TeacherCache>& teacher = teachers_[{name, all_rows_}];
      if (!teacher) teacher = std::make_unique<TeacherCache>(model_, snapshots_->get(name));
      return teacher->logits(batch, rows, sequence_of);
    };
    at::Tensor loss;
    {
      const at::AutoGradMode enable(true);
      loss = regularizer.output_loss(context);
      if (loss.requires_grad()) loss.backward();
    }
    sums.penalties[i] += loss.item<double>();
    if (context.logits.grad().defined()) d_logits.add_(context.logits.grad());
    if (context.hidden.grad().defined()) {
      d_hidden = d_hidden.defined() ? d_hidden + context.hidden.grad() : context.hidden.grad();
    }
  }
  return d_hidden;
}

void Trainer::apply(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps) {
  const at::NoGradGuard guard;
  by_type(weights_.scalar_type(), [&]<class T>(T) {
    T* const g = gradient.data_ptr<T>();
    double squares = 0;
    for (const Range& range : ranges_) {
      if (range.mask != nullptr) {
        for (std::int64_t k = 0; k < range.count; ++k) {
          if (range.mask[k] == 0) g[range.offset + k] = T(0);
        }
      }
      squares += sum_of_squares(g + range.offset, range.count);
    }
    at::Tensor factor_gradient;
    if (!low_rank_.empty()) {
      factor_gradient = low_rank_.project(gradient, optimizer_.factors);
      squares += sum_of_squares(factor_gradient.data_ptr<T>(), low_rank_.elements());
    }
    report.gradient_norm = std::sqrt(squares);
    report.learning_rate = rate_at(options_, optimizer_.step, total_steps);
    if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
      throw Error(ErrorKind::numerical, std::isfinite(report.loss) ? "the gradient is not finite" : "the loss is not finite")
          .at("step " + std::to_string(optimizer_.step))
          .received(fmt::format("loss {}, gradient norm {}, learning rate {}", report.loss, report.gradient_norm,
                                report.learning_rate))
          .hint("lower train.learning_rate, or set train.warmup_steps and train.clip");
    }
    ++optimizer_.step;
    const double scale = options_.clip > 0 && report.gradient_norm > options_.clip ? options_.clip / report.gradient_norm : 1.0;
    for (const Range& range : ranges_) {
      const AdamWStep adamw{report.learning_rate, options_.beta1, options_.beta2, options_.epsilon,
                            range.decays ? options_.weight_decay : 0.0, optimizer_.step};
      adamw_update(adamw, weights_.data_ptr<T>() + range.offset, g + range.offset,
                   optimizer_.first.data_ptr<T>() + range.state, optimizer_.second.data_ptr<T>() + range.state, range.mask,
                   range.count, scale);
    }
    if (!low_rank_.empty()) apply_low_rank(factor_gradient, report.learning_rate, scale);
    return 0;
  });
}

/// AdamW on the factors, and the merged weights.
void Trainer::apply_low_rank(const at::Tensor& factor_gradient, double rate, double scale) {
  by_type(weights_.scalar_type(), [&]<class T>(T) {
    const std::int64_t moments = trainable_ - low_rank_.elements();
    for (const LowRankUpdates::Part& part : low_rank_.parts()) {
      const AdamWStep adamw{rate, options_.beta1, options_.beta2, options_.epsilon, part.decays ? options_.weight_decay : 0.0,
                            optimizer_.step};
      adamw_update<T>(adamw, optimizer_.factors.data_ptr<T>() + part.a, factor_gradient.data_ptr<T>() + part.a,
                      optimizer_.first.data_ptr<T>() + moments + part.a, optimizer_.second.data_ptr<T>() + moments + part.a,
                      nullptr, part.count(), scale);
    }
    return 0;
  });
  low_rank_.merge(optimizer_.factors, weights_);
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
          .hint("a plugin that is not the same on all ranks, memory faults, or an MPI reduction whose ranks add in different orders");
    }
  }
}

}  // namespace stet
