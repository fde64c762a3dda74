// LoRA in the trainer: gradients against finite differences and autograd, whole steps against an independent
// composition, and what it promises about the start, the merged weights, clipping, decay and resuming.
#include "trainer_fixture.hpp"

#include <stet/base/error.hpp>

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace stet {
namespace {

using testing::error_of;
using testing::MapSnapshots;
using testing::Pull;

class LowRankTest : public testing::SmallTraining {
 protected:
  LowRankTest() {
    snapshots_.weights["base"] = initial_values(table_, model_.config(), 2, at::kDouble);
    options_.batch_size = 6;
    options_.weight_decay = 0;
    // A square matrix, one wider than high and one higher than wide, of different ranks and scales.
    selection_.trains.assign(table_.size(), false);
    add("model.layers.0.self_attn.q_proj.weight", {3, 0.5, 11});
    add("model.layers.1.self_attn.k_proj.weight", {2, 2.0, 11});
    add("model.layers.1.mlp.up_proj.weight", {4, 1.25, 12});
  }

  void add(const std::string& name, const LowRank& low_rank) {
    const auto index = static_cast<std::size_t>(table_.index_of(name));
    selection_.trains[index] = true;
    selection_.low_rank[index] = low_rank;
  }

  /// Uneven numbers for all factors, B among them.
  at::Tensor some_factors(const LowRankUpdates& updates) const {
    at::Tensor factors = at::empty({updates.elements()}, at::kDouble);
    Random random(9, "factors");
    for (std::int64_t k = 0; k < factors.numel(); ++k) factors.data_ptr<double>()[k] = 0.3 * random.normal();
    return factors;
  }

  BatchRange range(int step) const {
    std::uint64_t position = 0;
    BatchRange now{};
    for (int i = 0; i <= step; ++i) {
      now = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options_.batch_size));
      position = now.end;
    }
    return now;
  }

  /// Loss with penalties at these weights, and the dense gradient: of a trainer to which low rank means nothing.
  std::pair<double, at::Tensor> dense(const at::Tensor& weights, int step, bool pull) {
    TrainOptions plain = options_;
    plain.clip = 0;
    Pull object(0.7);
    Trainer trainer(model_, weights.clone(), plain, *alone_);
    TrainableSelection selection;
    selection.trains = selection_.trains;
    std::vector<ActiveRegularizer> active;
    if (pull) active = {{"pull", &object}};
    trainer.begin_phase(selection, active, snapshots_);
    const double loss = trainer.step(data_, sampler_, range(step), 10).loss;
    at::Tensor gradient = at::zeros_like(weights);
    std::int64_t at = 0;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (!selection.trains[i]) continue;
      gradient.narrow(0, table_[i].offset, table_[i].count)
          .copy_(trainer.optimizer().first.narrow(0, at, table_[i].count) / (1 - plain.beta1));
      at += table_[i].count;
    }
    return {loss, gradient};
  }

  at::Tensor merged(const LowRankUpdates& updates, const at::Tensor& factors) const {
    at::Tensor weights = start_.clone();
    updates.merge(factors, weights);
    return weights;
  }

  TrainableSelection selection_;
  const GradientLayout whole_{table_};
};

TEST_F(LowRankTest, MergeAndProjectionAgreeWithAutograd) {
  const LowRankUpdates updates(table_, selection_, start_);
  const at::Tensor factors = some_factors(updates);
  const at::Tensor weights = merged(updates, factors);
  const at::Tensor gradient = initial_values(table_, model_.config(), 5, at::kDouble) * 3;
  const at::Tensor projected = updates.project(gradient, whole_, factors);
  std::int64_t elements = 0, at = 0;
  for (const auto& [index, low_rank] : selection_.low_rank) {
    const std::int64_t out = table_[index].shape[0], in = table_[index].shape[1], r = low_rank.rank;
    const at::Tensor a = factors.narrow(0, at, r * in).clone().requires_grad_(true);
    const at::Tensor b = factors.narrow(0, at + r * in, out * r).clone().requires_grad_(true);
    const at::Tensor change = low_rank.scale * at::einsum("or,ri->oi", {b.view({out, r}), a.view({r, in})});
    EXPECT_LT(deviation(table_.view(weights, index), (table_.view(start_, index) + change).detach()), 1e-15) << index;
    (change * table_.view(gradient, index)).sum().backward();
    EXPECT_LT(deviation(projected.narrow(0, at, r * in), a.grad()), 1e-14) << index;
    EXPECT_LT(deviation(projected.narrow(0, at + r * in, out * r), b.grad()), 1e-14) << index;
    at += r * (in + out);
    elements += factor_elements(table_[index], low_rank);
  }
  EXPECT_EQ(updates.elements(), elements);
  EXPECT_EQ(elements, 3 * (24 + 24) + 2 * (12 + 24) + 4 * (40 + 24));
  // What has no low-rank change is not written.
  for (std::size_t i = 0; i < table_.size(); ++i) {
    EXPECT_EQ(table_.view(weights, i).equal(table_.view(start_, i)), !selection_.low_rank.contains(i))
        << table_[i].name;
  }
}

TEST_F(LowRankTest, GradientOfTheFactorsAgreesWithFiniteDifferences) {
  const LowRankUpdates updates(table_, selection_, start_);
  const at::Tensor factors = some_factors(updates);
  Pull pull(0.7);
  Trainer trainer(model_, merged(updates, factors), options_, *alone_);
  trainer.begin_phase(selection_, {{"pull", &pull}}, snapshots_, start_);
  trainer.optimizer().factors = factors.clone();
  const StepReport report = trainer.step(data_, sampler_, range(0), 10);
  ASSERT_EQ(trainer.optimizer().first.numel(), updates.elements());
  const at::Tensor gradient = trainer.optimizer().first / (1 - options_.beta1);
  EXPECT_NEAR(report.gradient_norm, gradient.norm().item<double>(), 1e-12 * report.gradient_norm);
  const double largest = gradient.abs().max().item<double>(), h = 1e-5;
  EXPECT_GT(largest, 1e-2);
  for (std::int64_t k = 0; k < factors.numel(); k += 7) {  // through A and B of all three
    const auto loss_at = [&](double change) {
      at::Tensor moved = factors.clone();
      moved.data_ptr<double>()[k] += change;
      return dense(merged(updates, moved), 0, true).first;
    };
    const double difference = (loss_at(h) - loss_at(-h)) / (2 * h);
    EXPECT_NEAR(gradient.data_ptr<double>()[k], difference, 1e-7 * largest) << k;
  }
}

TEST_F(LowRankTest, TheFirstGradientStepMovesWeightsByTheGradientTimesAtA) {
  // With B = 0 plain gradient descent of rate e gives dA = 0 and W1 - W0 = -e s^2 dW A^T A.
  const LowRankUpdates updates(table_, selection_, start_);
  const at::Tensor factors = updates.initial_factors(1), gradient = dense(start_, 0, false).second;
  const double e = 0.1;
  const at::Tensor moved = merged(updates, factors - e * updates.project(gradient, whole_, factors));
  for (const LowRankUpdates::Part& part : updates.parts()) {
    const at::Tensor a = factors.narrow(0, part.a, part.rank * part.in).view({part.rank, part.in});
    const at::Tensor expected =
        -e * part.scale * part.scale * table_.view(gradient, part.parameter).matmul(a.t().matmul(a));
    EXPECT_GT(expected.abs().max().item<double>(), 1e-4);
    EXPECT_LT(deviation(table_.view(moved, part.parameter) - table_.view(start_, part.parameter), expected), 1e-11);
    EXPECT_EQ(
        updates.project(gradient, whole_, factors).narrow(0, part.a, part.rank * part.in).abs().max().item<double>(),
        0.0);
  }
}

TEST_F(LowRankTest, WholeStepsAgreeWithAComposition) {
  options_.clip = 0.05;  // acts, by the norm of what trains
  const auto q = static_cast<std::size_t>(table_.index_of("model.layers.0.self_attn.q_proj.weight"));
  selection_.low_rank[q].decays = true;
  options_.weight_decay = 0.3;
  constexpr int steps = 4;
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  Pull pull(0.7);
  trainer.begin_phase(selection_, {{"pull", &pull}}, snapshots_);
  struct Matrix {
    std::size_t index;
    at::Tensor a, b, m_a, m_b, v_a, v_b;
    LowRank low_rank;
  };
  std::vector<Matrix> matrices;
  const at::Tensor first = LowRankUpdates(table_, selection_, start_).initial_factors(1);
  std::int64_t at = 0;
  for (const auto& [index, low_rank] : selection_.low_rank) {
    const std::int64_t out = table_[index].shape[0], in = table_[index].shape[1], r = low_rank.rank;
    const at::Tensor a = first.narrow(0, at, r * in).view({r, in}).clone(), b = at::zeros({out, r}, at::kDouble);
    matrices.push_back(
        {index, a, b, at::zeros_like(a), at::zeros_like(b), at::zeros_like(a), at::zeros_like(b), low_rank});
    at += r * (in + out);
  }
  at::Tensor mine = start_.clone();
  for (int step = 0; step < steps; ++step) {
    const StepReport report = trainer.step(data_, sampler_, range(step), 10);
    const auto [loss, gradient] = dense(mine, step, true);
    EXPECT_NEAR(report.loss, loss, 1e-10);
    double squares = 0;
    std::vector<at::Tensor> d_a, d_b;
    for (const Matrix& m : matrices) {
      const at::Tensor d_weight = table_.view(gradient, m.index);
      d_a.push_back(m.low_rank.scale * m.b.t().matmul(d_weight));
      d_b.push_back(m.low_rank.scale * d_weight.matmul(m.a.t()));
      squares += d_a.back().pow(2).sum().item<double>() + d_b.back().pow(2).sum().item<double>();
    }
    EXPECT_NEAR(report.gradient_norm, std::sqrt(squares), 1e-9 * std::sqrt(squares));
    EXPECT_GT(std::sqrt(squares), options_.clip);
    const double clip = options_.clip / std::sqrt(squares);
    const auto adamw = [&](at::Tensor& value, const at::Tensor& d, at::Tensor& m, at::Tensor& v, bool decays) {
      m = options_.beta1 * m + (1 - options_.beta1) * clip * d;
      v = options_.beta2 * v + (1 - options_.beta2) * (clip * d).pow(2);
      const at::Tensor mean = m / (1 - std::pow(options_.beta1, step + 1)),
                       square = v / (1 - std::pow(options_.beta2, step + 1));
      if (decays) value = value * (1 - report.learning_rate * options_.weight_decay);
      value = value - report.learning_rate * mean / (square.sqrt() + options_.epsilon);
    };
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      Matrix& m = matrices[i];
      adamw(m.a, d_a[i], m.m_a, m.v_a, m.low_rank.decays);
      adamw(m.b, d_b[i], m.m_b, m.v_b, m.low_rank.decays);
      table_.view(mine, m.index).copy_(table_.view(start_, m.index) + m.low_rank.scale * m.b.matmul(m.a));
    }
    // 1e-6: AdamW divides by the root of gradients, small ones too, which enlarges rounding.
    EXPECT_LT((weights - mine).abs().max().item<double>(), 1e-6 * options_.learning_rate) << step;
  }
}

TEST_F(LowRankTest, TheStartIsRandomBoundedAndChangesNothing) {
  const LowRankUpdates updates(table_, selection_, start_);
  const at::Tensor factors = updates.initial_factors(1);
  EXPECT_TRUE(merged(updates, factors).equal(start_));
  std::vector<at::Tensor> as;
  for (const LowRankUpdates::Part& part : updates.parts()) {
    const at::Tensor a = factors.narrow(0, part.a, part.rank * part.in);
    const double bound = 1 / std::sqrt(static_cast<double>(part.in));
    EXPECT_LE(a.abs().max().item<double>(), bound);
    EXPECT_NEAR(a.pow(2).mean().item<double>(), bound * bound / 3, 0.35 * bound * bound / 3);
    EXPECT_LT(std::abs(a.mean().item<double>()), 0.35 * bound);
    EXPECT_EQ(factors.narrow(0, part.b, part.out * part.rank).abs().max().item<double>(), 0.0);
    as.push_back(a.narrow(0, 0, 48));
  }
  EXPECT_FALSE(as[0].equal(as[1]));  // of one seed, but of other names
  EXPECT_TRUE(updates.initial_factors(1).equal(factors));
  EXPECT_FALSE(updates.initial_factors(2).equal(factors));  // each run starts elsewhere
  for (auto& [index, low_rank] : selection_.low_rank) ++low_rank.seed;
  EXPECT_FALSE(LowRankUpdates(table_, selection_, start_).initial_factors(1).equal(factors));

  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase(selection_, {}, snapshots_);
  EXPECT_TRUE(weights.equal(start_));
  EXPECT_EQ(trainer.trainable_elements(), updates.elements());
}

TEST_F(LowRankTest, MergedWeightsAreTheStartAndAChangeOfLowRank) {
  const auto norm = static_cast<std::size_t>(table_.index_of("model.norm.weight"));
  selection_.trains[norm] = true;  // dense, beside the others
  options_.weight_decay = 0.2;
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase(selection_, {}, snapshots_);
  for (int step = 0; step < 6; ++step) (void)trainer.step(data_, sampler_, range(step), 6);
  const at::Tensor factors = trainer.optimizer().factors;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < table_.size(); ++i) {
    const at::Tensor change = table_.view(weights, i) - table_.view(start_, i);
    const auto found = selection_.low_rank.find(i);
    if (found == selection_.low_rank.end()) {
      EXPECT_EQ(change.abs().max().item<double>() == 0, i != norm) << table_[i].name;
      continue;
    }
    const std::int64_t out = table_[i].shape[0], in = table_[i].shape[1], r = found->second.rank;
    const at::Tensor a = factors.narrow(0, at, r * in).view({r, in}),
                     b = factors.narrow(0, at + r * in, out * r).view({out, r});
    at += r * (in + out);
    EXPECT_LT(deviation(change, found->second.scale * b.matmul(a)), 1e-12) << table_[i].name;
    // Its squares' matrix has r eigenvalues above rounding, and no more.
    const at::Tensor values = std::get<0>(at::linalg_eigh(change.matmul(change.t())));
    EXPECT_GT(values[-r].item<double>(), 1e-9);
    EXPECT_LT(values[-r - 1].abs().item<double>(), 1e-15);
  }
}

/// Looks at every gradient that it is shown.
class Looks final : public Regularizer {
 public:
  Site site() const override { return Site::outputs; }
  at::Tensor output_loss(const OutputContext& context) override { return context.logits.sum() * 0; }
  void after_step(const WeightContext& context) override { saw = context.gradients.defined(); }
  bool saw = false;
};

TEST_F(LowRankTest, FactorsAloneAreWhatTheDenseGradientComesTo) {
  // Beside matrices of blocks (of the last too, where some rows alone are computed): the embedding, which is the head
  // as well, a norm as a whole, and a masked matrix.
  add("model.embed_tokens.weight", {2, 1.5, 3});
  add("model.layers.1.self_attn.q_proj.weight", {2, 0.75, 3});
  add("model.layers.1.mlp.down_proj.weight", {3, 1.0, 3});
  add("model.layers.0.self_attn.o_proj.weight", {1, 1.0, 3});
  const auto norm = static_cast<std::size_t>(table_.index_of("model.norm.weight")),
             value = static_cast<std::size_t>(table_.index_of("model.layers.1.self_attn.v_proj.weight"));
  selection_.trains[norm] = selection_.trains[value] = true;
  selection_.masks[value] = (initial_values(table_, model_.config(), 8, at::kDouble)
                                 .narrow(0, table_[value].offset, table_[value].count)
                                 .view(table_[value].shape) > 0)
                                .to(at::kByte);
  for (const std::int64_t micro_shards : {1, 4}) {
    options_.micro_shards = micro_shards;
    options_.accumulation = 2;
    Pull nothing(0.0);  // acts on weights, so that the dense gradient is made
    Looks at_factors, at_dense;
    at::Tensor thin = start_.clone(), whole = start_.clone();
    Trainer factored(model_, thin, options_, *alone_), dense(model_, whole, options_, *alone_);
    factored.begin_phase(selection_, {{"looks", &at_factors}}, snapshots_);
    dense.begin_phase(selection_, {{"nothing", &nothing}, {"looks", &at_dense}}, snapshots_);
    EXPECT_EQ(dense.reducer().elements(), table_.total());
    std::int64_t room = table_[norm].count + table_[value].count + table_[0].count;  // the embedding's is dense
    for (const auto& [index, low_rank] : selection_.low_rank)
      room += index == 0 ? 0 : factor_elements(table_[index], low_rank);
    EXPECT_EQ(factored.reducer().elements(), room);
    for (int step = 0; step < 4; ++step) {
      const StepReport mine = factored.step(data_, sampler_, range(step), 10),
                       theirs = dense.step(data_, sampler_, range(step), 10);
      EXPECT_NEAR(mine.loss, theirs.loss, 1e-10);
      EXPECT_NEAR(mine.gradient_norm, theirs.gradient_norm, 1e-10 * theirs.gradient_norm);
      // As in WholeStepsAgreeWithAComposition.
      EXPECT_LT((thin - whole).abs().max().item<double>(), 1e-6 * options_.learning_rate) << step;
    }
    EXPECT_GT((thin - start_).abs().max().item<double>(), 1e-4);
    EXPECT_FALSE(at_factors.saw);
    EXPECT_TRUE(at_dense.saw);
    // A phase in which everything trains follows.
    factored.begin_phase({}, {{"looks", &at_factors}}, snapshots_);
    (void)factored.step(data_, sampler_, range(4), 10);
    EXPECT_EQ(factored.reducer().elements(), table_.total());
    EXPECT_TRUE(at_factors.saw);
  }
}

TEST_F(LowRankTest, ResumedTrainingHasTheBitsOfTheStraightOne) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor start = start_.to(type);
    snapshots_.weights["base"] = initial_values(table_, model_.config(), 2, type);
    Pull pull(0.1);
    at::Tensor straight = start.clone();
    Trainer whole(model_, straight, options_, *alone_);
    whole.begin_phase(selection_, {{"pull", &pull}}, snapshots_);
    for (int step = 0; step < 8; ++step) (void)whole.step(data_, sampler_, range(step), 8);

    at::Tensor weights = start.clone();
    OptimizerState kept;
    {
      Trainer before(model_, weights, options_, *alone_);
      before.begin_phase(selection_, {{"pull", &pull}}, snapshots_);
      for (int step = 0; step < 3; ++step) (void)before.step(data_, sampler_, range(step), 8);
      const OptimizerState& state = before.optimizer();
      kept = {state.first.clone(), state.second.clone(), state.step, state.factors.clone()};
    }
    const auto finish = [&](const OptimizerState& state, const at::Tensor& phase_start) {
      at::Tensor now = weights.clone();
      Trainer after(model_, now, options_, *alone_);
      after.begin_phase(selection_, {{"pull", &pull}}, snapshots_, phase_start);
      EXPECT_TRUE(now.equal(weights));
      after.optimizer() = {state.first.clone(), state.second.clone(), state.step, state.factors.clone()};
      for (int step = 3; step < 8; ++step) (void)after.step(data_, sampler_, range(step), 8);
      return now;
    };
    EXPECT_TRUE(finish(kept, start).equal(straight));
    // The test would see it if the phase's start or the factors were not brought back.
    EXPECT_FALSE(finish(kept, weights).equal(straight));
    OptimizerState without = kept;
    without.factors = LowRankUpdates(table_, selection_, start).initial_factors(1);
    EXPECT_FALSE(finish(without, start).equal(straight));
  }
}

TEST_F(LowRankTest, APhaseWithoutItFollows) {
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase(selection_, {}, snapshots_);
  (void)trainer.step(data_, sampler_, range(0), 4);
  EXPECT_TRUE(trainer.optimizer().factors.defined());
  at::Tensor other = weights.clone();
  Trainer fresh(model_, other, options_, *alone_);
  for (Trainer* one : {&trainer, &fresh}) {
    one->begin_phase({}, {}, snapshots_);
    EXPECT_FALSE(one->optimizer().factors.defined());
    EXPECT_EQ(one->trainable_elements(), table_.total());
    (void)one->step(data_, sampler_, range(1), 4);
  }
  EXPECT_TRUE(weights.equal(other));
}

TEST_F(LowRankTest, AnInfiniteGradientStopsBeforeTheFactorsChange) {
  class Explode final : public Regularizer {
   public:
    Site site() const override { return Site::weights; }
    double add_gradient(const WeightContext& context) override {
      for (std::size_t i = 0; i < context.table.size(); ++i) {
        if (context.trains[i]) context.table.view(context.gradients, i).fill_(std::numeric_limits<double>::infinity());
      }
      return 0;
    }
  } explode;
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase(selection_, {{"explode", &explode}}, snapshots_);
  const at::Tensor factors = trainer.optimizer().factors.clone();
  EXPECT_EQ(error_of([&] { (void)trainer.step(data_, sampler_, range(0), 4); }).kind(), ErrorKind::numerical);
  EXPECT_TRUE(weights.equal(start_));
  EXPECT_TRUE(trainer.optimizer().factors.equal(factors));
}

TEST_F(LowRankTest, RefusesSelectionsThatCannotBe) {
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  const auto q = static_cast<std::size_t>(table_.index_of("model.layers.0.self_attn.q_proj.weight"));
  const auto norm = static_cast<std::size_t>(table_.index_of("model.norm.weight"));
  const auto expect_refused = [&](const TrainableSelection& selection, const std::string& part) {
    const Error error = error_of([&] { trainer.begin_phase(selection, {}, snapshots_); });
    EXPECT_EQ(error.kind(), ErrorKind::plugin);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  };
  TrainableSelection wrong = selection_;
  wrong.trains[q] = false;
  expect_refused(wrong, "low-rank change of the frozen model.layers.0.self_attn.q_proj.weight");
  wrong = selection_;
  wrong.masks[q] = at::ones(table_[q].shape, at::kByte);
  expect_refused(wrong, "both a mask and a low-rank change");
  wrong = selection_;
  wrong.trains[norm] = true;
  wrong.low_rank[norm] = {1, 1.0, 0};
  expect_refused(wrong, "model.norm.weight is no matrix");
  wrong = selection_;
  wrong.low_rank[table_.size()] = {1, 1.0, 0};
  expect_refused(wrong, "of parameter " + std::to_string(table_.size()));
  wrong = selection_;
  wrong.low_rank[q].rank = 0;
  expect_refused(wrong, "the rank of model.layers.0.self_attn.q_proj.weight is 0");
  wrong = selection_;
  for (const double scale : {0.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    wrong.low_rank[q].scale = scale;
    expect_refused(wrong, "the scale of model.layers.0.self_attn.q_proj.weight is");
  }
  EXPECT_TRUE(weights.equal(start_));
}

}  // namespace
}  // namespace stet
