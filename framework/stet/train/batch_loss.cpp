#include <stet/train/batch_loss.hpp>

#include <stet/base/error.hpp>
#include <stet/data/sampler.hpp>
#include <stet/model/kernels_cpu.hpp>
#include <stet/plugin/handover.hpp>

#include <algorithm>

namespace stet {

/// The rows that something reads: those with task loss, or every row that predicts a token.
struct BatchLoss::LossRows {
  at::Tensor index, targets;              // [P]
  std::vector<std::int64_t> target_list;  // [P]
  std::vector<std::int32_t> sequence_of;  // [P]
  std::vector<bool> is_answer;            // [P]
  std::vector<double> task_weights;       // [P] in the task's loss; all 0 for rehearsed sequences, which have none
};

BatchLoss::BatchLoss(const Transformer& model, at::Tensor weights, const TrainOptions& options,
                     const ExampleStore& examples, const PhaseRegularizers& regularizers, Communicator& communicator)
    : model_(model),
      weights_(std::move(weights)),
      options_(options),
      examples_(examples),
      regularizers_(regularizers),
      communicator_(communicator) {}

void BatchLoss::begin_phase(const GradientLayout& layout, const at::Tensor& factors, const Snapshots& snapshots) {
  layout_ = &layout;
  factors_ = &factors;
  snapshots_ = &snapshots;
  teachers_.clear();
}

BatchLoss::LossRows BatchLoss::rows_of(const PackedBatch& batch, const MicroBatchShare& share) const {
  LossRows rows;
  std::vector<std::int64_t> list;
  if (regularizers_.read_all_rows()) {
    std::size_t next = 0;
    for (std::size_t b = 0; b < batch.examples.size(); ++b) {
      for (std::int64_t row = batch.offsets[b]; row + 1 < batch.offsets[b + 1]; ++row) {
        list.push_back(row);
        rows.target_list.push_back(batch.tokens[static_cast<std::size_t>(row) + 1]);
        rows.sequence_of.push_back(static_cast<std::int32_t>(b));
        rows.is_answer.push_back(next < batch.loss_rows.size() && batch.loss_rows[next] == row);
        if (rows.is_answer.back()) ++next;
      }
    }
  } else {
    list = batch.loss_rows;
    rows.target_list = batch.targets;
    rows.sequence_of = batch.sequence_of;
    rows.is_answer.assign(list.size(), true);
  }
  rows.task_weights.resize(list.size());
  if (share.rehearsed < 0) {
    std::vector<double> answers(batch.examples.size());  // rows with task loss of each sequence
    for (const std::int32_t s : batch.sequence_of) ++answers[static_cast<std::size_t>(s)];
    for (std::size_t p = 0; p < list.size(); ++p) {
      if (!rows.is_answer[p]) continue;
      rows.task_weights[p] = options_.loss_mean == LossMean::token
                                 ? 1.0 / share.rows
                                 : 1.0 / (share.sequences * answers[static_cast<std::size_t>(rows.sequence_of[p])]);
    }
  }
  rows.index = at::tensor(list);
  rows.targets = at::tensor(rows.target_list);
  return rows;
}

LossSums BatchLoss::shard(std::span<const TokenSequence> sequences, const Shard& shard, const at::Tensor& gradient,
                          const std::function<void(std::int64_t offset)>& completed) {
  LossSums sums;
  sums.penalties.assign(regularizers_.size(), 0.0);
  // Rehearsal first: the batch's last micro-batch hands the gradient over while its backward pass runs.
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    if (!regularizers_[i].rehearses()) continue;
    const Rehearsal& rehearsal = *regularizers_[i].rehearsal;
    const std::vector<TokenSequence>& all = examples_.sequences(rehearsal.set);
    const auto count = static_cast<std::uint64_t>(rehearsal.per_step);
    const Sampler order(all.size(), examples_.seed() ^ 0x7265686561727365ULL);
    const BatchRange part = part_of({0, count}, shard.index, shard.count);
    std::vector<TokenSequence> drawn;
    for (std::uint64_t place = part.begin; place < part.end; ++place) {
      drawn.push_back(all[order.index(static_cast<std::uint64_t>(shard.step) * count + place)]);
    }
    if (drawn.empty()) continue;
    micro_batch(drawn, {0, static_cast<double>(count), static_cast<int>(i), false}, gradient, completed, sums);
  }
  const auto pieces = static_cast<std::uint64_t>(options_.accumulation);
  for (std::uint64_t piece = 0; piece < pieces; ++piece) {
    const BatchRange part = part_of({0, sequences.size()}, piece, pieces);
    if (part.begin == part.end) continue;
    micro_batch(sequences.subspan(part.begin, part.end - part.begin),
                {shard.batch_rows, shard.batch_examples, -1, piece + 1 == pieces}, gradient, completed, sums);
  }
  return sums;
}

double BatchLoss::task_loss(const LossRows& rows, const at::Tensor& logits, at::Tensor& d_logits) const {
  return by_scalar_type(weights_.scalar_type(), [&]<class T>(T) {
    const std::vector<T> weight(rows.task_weights.begin(), rows.task_weights.end());
    std::vector<T> losses(weight.size());
    kernels::cross_entropy<T>(logits.data_ptr<T>(), rows.target_list.data(), weight.data(), losses.data(),
                              d_logits.data_ptr<T>(), nullptr, logits.size(0), logits.size(1));
    double sum = 0;
    for (std::size_t p = 0; p < weight.size(); ++p)
      sum += static_cast<double>(weight[p]) * static_cast<double>(losses[p]);
    return sum;
  });
}

void BatchLoss::micro_batch(std::span<const TokenSequence> sequences, const MicroBatchShare& share,
                            const at::Tensor& gradient, const std::function<void(std::int64_t offset)>& completed,
                            LossSums& sums) {
  const PackedBatch batch = pack(sequences);
  const LossRows rows = rows_of(batch, share);
  const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
  const at::Tensor hidden = model_.forward(weights_, tokens, &rows.index, &activations_);
  at::Tensor d_hidden;
  {
    const at::NoGradGuard guard;
    const at::Tensor head = model_.head(weights_);
    const at::Tensor logits = hidden.matmul(head.t());
    at::Tensor d_logits;
    if (share.rehearsed < 0) {
      d_logits = at::empty_like(logits);
      sums.task += task_loss(rows, logits, d_logits);
    } else {
      d_logits = at::zeros_like(logits);
    }
    d_hidden = output_penalties(batch, rows, share, hidden, logits, d_logits, sums);
    at::Tensor through_head = d_logits.matmul(head);
    d_hidden = d_hidden.defined() ? d_hidden + through_head : through_head;
    if (layout_->dense(model_.head_index())) {
      at::Tensor d_head = gradient.narrow(0, layout_->begin(model_.head_index()), head.numel()).view_as(head);
      at::addmm_out(d_head, d_head, d_logits.t(), hidden);
    }
  }
  const bool tells = share.last && completed;
  if (tells && !model_.config().tied_head) completed(layout_->begin(model_.head_index()));
  model_.backward(weights_, tokens, activations_, d_hidden, GradientTarget{gradient, *layout_, *factors_},
                  tells ? completed : std::function<void(std::int64_t)>());
}

at::Tensor BatchLoss::teacher_logits(const std::string& name, const PackedBatch& batch, const LossRows& rows) {
  std::unique_ptr<TeacherCache>& teacher = teachers_[{name, regularizers_.read_all_rows()}];
  if (!teacher) teacher = std::make_unique<TeacherCache>(model_, snapshots_->get(name));
  std::uint64_t others = 0;
  for (const auto& [key, other] : teachers_) others += other == teacher ? 0 : other->cached_bytes();
  const auto limit = static_cast<std::uint64_t>(options_.teacher_cache_megabytes * 1e6);
  teacher->set_limit(limit - std::min(limit, others));
  return teacher->logits(batch, rows.index, rows.sequence_of);
}

/// Adds the gradients of the output regularizers that these sequences are for: into d_logits, and what goes to hidden
/// states directly is returned (undefined if nothing).
at::Tensor BatchLoss::output_penalties(const PackedBatch& batch, const LossRows& rows, const MicroBatchShare& share,
                                       const at::Tensor& hidden, const at::Tensor& logits, at::Tensor& d_logits,
                                       LossSums& sums) {
  at::Tensor d_hidden;
  std::vector<std::int32_t> set_of;
  for (const std::uint64_t example : batch.examples) set_of.push_back(ExampleStore::set_of(example));
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    const PhaseRegularizers::Entry& regularizer = regularizers_[i];
    if (regularizer.site != Site::outputs || (regularizer.rehearsal ? static_cast<int>(i) : -1) != share.rehearsed)
      continue;
    const bool everywhere = regularizer.scope == RowScope::all;
    std::vector<double> count(batch.examples.size());
    for (std::size_t p = 0; p < rows.sequence_of.size(); ++p) {
      if (everywhere || rows.is_answer[p]) ++count[static_cast<std::size_t>(rows.sequence_of[p])];
    }
    std::vector<double> weight(rows.sequence_of.size());
    for (std::size_t p = 0; p < weight.size(); ++p) {
      if (everywhere || rows.is_answer[p])
        weight[p] = 1.0 / (share.sequences * count[static_cast<std::size_t>(rows.sequence_of[p])]);
    }
    OutputContext context;
    context.hidden = hidden.detach().requires_grad_(true);
    context.logits = logits.detach().requires_grad_(true);
    context.targets = rows.targets;
    context.row_weights = at::tensor(weight).to(logits.scalar_type());
    context.task_weights = at::tensor(rows.task_weights).to(logits.scalar_type());
    context.sequence_of = rows.sequence_of;
    context.examples = batch.examples;
    context.set_of = set_of;
    context.sets = examples_.names();
    context.snapshot_logits = [&](const std::string& name) { return teacher_logits(name, batch, rows); };
    context.logits_under = [&](const at::Tensor& weights) {
      const at::NoGradGuard guard;
      communicator_.recorder().beat();
      return model_.forward(weights, {batch.tokens, batch.offsets, batch.positions}, &rows.index, nullptr)
          .matmul(model_.head(weights).t());
    };
    sums.penalties[i] += regularizers_.hook(regularizer, "output_loss", [&] {
      const at::AutoGradMode enable(true);
      const Lent seen_hidden(hidden, false), seen_logits(logits, false);
      const at::Tensor term = regularizer.object->output_loss(context);
      seen_hidden.refuse_write("the hidden states");
      seen_logits.refuse_write("the logits");
      return take_term(term, context);
    });
    if (context.logits.grad().defined()) d_logits.add_(context.logits.grad());
    if (context.hidden.grad().defined()) {
      d_hidden = d_hidden.defined() ? d_hidden + context.hidden.grad() : context.hidden.grad();
    }
  }
  return d_hidden;
}

double BatchLoss::teacher_bytes(double examples) const {
  double sum = 0;
  for (const auto& [name, teacher] : teachers_) {
    if (teacher->cached_examples() == 0) continue;
    const double each = static_cast<double>(teacher->cached_bytes()) / static_cast<double>(teacher->cached_examples());
    sum += each * examples;
  }
  return std::min(sum, options_.teacher_cache_megabytes * 1e6);
}

}  // namespace stet
