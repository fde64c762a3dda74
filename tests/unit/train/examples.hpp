// Sets of examples over the small data, and a regularizer that rehearses, for tests in one process and in several.
#pragma once

#include "training.hpp"

namespace stet::testing {

/// "first": sequences 0..6 of the small data; "second": 7..12; "empty". Sequences have 3 to 9 tokens.
inline void fill(ExampleStore& store, int* made = nullptr) {
  const auto some = [made](std::uint64_t begin, std::uint64_t end) {
    return [made, begin, end] {
      if (made != nullptr) ++*made;
      std::vector<TokenSequence> sequences;
      for (std::uint64_t i = begin; i < end; ++i) sequences.push_back(small_data().sequence(0, i));
      return sequences;
    };
  };
  store.add("first", some(0, 7));
  store.add("second", some(7, 13));
  store.add("empty", some(13, 13));
}

/// The sequence of the small data that fill() put at a place of a store.
inline TokenSequence stored(std::uint64_t example) {
  return small_data().sequence(0, (example & 0xffffffffU) + (ExampleStore::set_of(example) == 1 ? 7 : 0));
}

/// Cross-entropy of what is rehearsed, times `strength`. Remembers what it saw.
class Rehearse final : public Regularizer {
 public:
  Rehearse(std::string set, std::int64_t per_step, RowScope scope = RowScope::answer, double strength = 0.5)
      : set_(std::move(set)), per_step_(per_step), scope_(scope), strength_(strength) {}
  [[nodiscard]] Site site() const override { return Site::outputs; }
  [[nodiscard]] RowScope scope() const override { return scope_; }
  [[nodiscard]] std::optional<Rehearsal> rehearsal() const override { return Rehearsal{set_, per_step_}; }
  [[nodiscard]] at::Tensor output_loss(const OutputContext& context) override {
    seen.insert(seen.end(), context.examples.begin(), context.examples.end());
    sets.insert(sets.end(), context.set_of.begin(), context.set_of.end());
    names.assign(context.sets.begin(), context.sets.end());
    const at::Tensor losses = -at::log_softmax(context.logits, 1).gather(1, context.targets.unsqueeze(1)).squeeze(1);
    return strength_ * (context.row_weights * losses).sum();
  }

  std::vector<std::uint64_t> seen;  ///< by this rank, in its order
  std::vector<std::int32_t> sets;
  std::vector<std::string> names;

 private:
  std::string set_;
  std::int64_t per_step_;
  RowScope scope_;
  double strength_;
};

/// Mean next-token cross-entropy over one sequence's rows (those with loss, or all) under flat weights in float64.
inline double mean_loss(const Transformer& model, const at::Tensor& weights, const TokenSequence& sequence,
                        bool all_rows = false) {
  const at::NoGradGuard guard;
  const PackedBatch batch = pack(std::span(&sequence, 1));
  std::vector<std::int64_t> list = batch.loss_rows, next = batch.targets;
  if (all_rows) {
    list.clear();
    next.clear();
    for (std::size_t row = 0; row + 1 < batch.tokens.size(); ++row) {
      list.push_back(static_cast<std::int64_t>(row));
      next.push_back(batch.tokens[row + 1]);
    }
  }
  const at::Tensor rows = at::tensor(list), targets = at::tensor(next);
  const at::Tensor hidden = model.forward(weights, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr);
  return -at::log_softmax(hidden.matmul(model.head(weights).t()), 1)
              .gather(1, targets.unsqueeze(1))
              .mean()
              .item<double>();
}

/// Gradient by the weights of the mean over sequences of the mean over their rows with loss: from a step of a trainer
/// of its own, without plugins.
inline at::Tensor trainer_gradient(const Transformer& model, const at::Tensor& weights,
                                   const std::vector<TokenSequence>& sequences) {
  const std::unique_ptr<Communicator> alone = make_single_process();
  TrainOptions options;
  options.clip = 0;
  options.loss_mean = LossMean::sequence;
  options.batch_size = static_cast<std::int64_t>(sequences.size());
  const MapSnapshots snapshots;
  Trainer trainer(model, weights.clone(), options, *alone);
  trainer.begin_phase({}, {}, snapshots);
  const TrainingData data{"these", sequences.size(),
                          [&](std::uint64_t, std::uint64_t index) { return sequences[index]; }};
  (void)trainer.step(data, Sampler(sequences.size(), 1), {0, sequences.size()}, 1);
  return trainer.optimizer().first / (1 - options.beta1);
}

}  // namespace stet::testing
