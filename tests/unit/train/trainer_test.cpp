// The training step in one process: its gradient against an independent computation, and what it promises about cuts of
// the batch, frozen parameters, clipping and failures.
#include "trainer_fixture.hpp"

#include <stet/base/error.hpp>

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <tuple>

namespace stet {
namespace {

using testing::error_of;
using testing::Pull;
using testing::Stay;
using testing::TaskAgain;
using testing::TrainerTest;

/// The first batch's gradient and loss by libtorch's operators from the hidden states on.
std::pair<at::Tensor, double> independent(const Transformer& model, const at::Tensor& weights, const PackedBatch& batch,
                                          LossMean mean) {
  Activations kept;
  const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
  const at::Tensor hidden = model.forward(weights, tokens, nullptr, &kept).requires_grad_(true);
  const at::Tensor head = model.head(weights).detach().clone().requires_grad_(true);
  const at::Tensor rows = at::tensor(batch.loss_rows), targets = at::tensor(batch.targets);
  const at::Tensor losses =
      -at::log_softmax(hidden.index_select(0, rows).matmul(head.t()), 1).gather(1, targets.unsqueeze(1)).squeeze(1);
  at::Tensor loss;
  if (mean == LossMean::token) {
    loss = losses.mean();
  } else {
    std::vector<at::Tensor> means;
    for (std::size_t b = 0; b < batch.examples.size(); ++b) {
      std::vector<std::int64_t> mine;
      for (std::size_t p = 0; p < batch.sequence_of.size(); ++p) {
        if (batch.sequence_of[p] == static_cast<std::int32_t>(b)) mine.push_back(static_cast<std::int64_t>(p));
      }
      means.push_back(losses.index_select(0, at::tensor(mine)).mean());
    }
    loss = at::stack(means).mean();
  }
  loss.backward();
  at::Tensor gradients = at::zeros_like(weights);
  model.backward(weights, tokens, kept, hidden.grad(), gradients, {});
  model.head(gradients).add_(head.grad());
  return {gradients, loss.item<double>()};
}

TEST_F(TrainerTest, GradientOfTheTaskLoss) {
  std::vector<TokenSequence> sequences;
  std::int64_t tokens = 0;
  for (std::uint64_t position = 0; position < 6; ++position) {
    sequences.push_back(data_.sequence(0, sampler_.index(position)));
    tokens += static_cast<std::int64_t>(sequences.back().ids.size());
  }
  const PackedBatch batch = pack(sequences);
  for (const LossMean mean : {LossMean::token, LossMean::sequence}) {
    options_.loss_mean = mean;
    const auto [gradient, loss] = independent(model_, start_, batch, mean);
    const Result result = run(options_, 1);
    EXPECT_LT(deviation(result.gradient, gradient), 1e-12);
    EXPECT_NEAR(result.reports[0].task_loss, loss, 1e-12);
    EXPECT_EQ(result.reports[0].loss, result.reports[0].task_loss);
    EXPECT_NEAR(result.reports[0].gradient_norm, gradient.norm().item<double>(), 1e-12);
    EXPECT_EQ(result.reports[0].tokens, tokens);
    EXPECT_EQ(result.reports[0].learning_rate, 1e-2);
  }
}

TEST_F(TrainerTest, TaskWeightsAreThoseOfTheTaskLoss) {
  for (const LossMean mean : {LossMean::token, LossMean::sequence}) {
    options_.loss_mean = mean;
    const Result plain = run(options_, 1);
    for (const RowScope scope : {RowScope::answer, RowScope::all}) {
      TaskAgain again(scope);
      for (const int shards : {0, 4}) {
        TrainOptions cut = options_;
        cut.micro_shards = shards;
        const Result twice = run(cut, 1, {{"again", &again}});
        EXPECT_NEAR(twice.reports[0].penalties[0], plain.reports[0].task_loss, 1e-12);
        EXPECT_LT(deviation(twice.gradient, 2 * plain.gradient), 1e-12);
      }
    }
  }
}

TEST_F(TrainerTest, TheCutOfTheBatchDoesNotMatter) {
  for (const RowScope scope : {RowScope::answer, RowScope::all}) {
    for (const LossMean mean : {LossMean::token, LossMean::sequence}) {
      // A teacher that differs from the student, so that the term is not zero.
      snapshots_.weights["base"] = initial_values(table_, model_.config(), 2, at::kDouble);
      Stay stay(scope);
      Pull pull(0.1);
      const std::vector<ActiveRegularizer> regularizers = {{"stay", &stay}, {"pull", &pull}};
      options_.loss_mean = mean;
      const Result whole = run(options_, 1, regularizers);
      ASSERT_EQ(whole.reports[0].penalties.size(), 2U);
      EXPECT_GT(whole.reports[0].penalties[0], 1e-3);
      EXPECT_NEAR(whole.reports[0].loss,
                  whole.reports[0].task_loss + whole.reports[0].penalties[0] + whole.reports[0].penalties[1], 1e-12);
      TrainOptions cut = options_;
      for (const auto& [accumulation, shards, bucket] :
           {std::tuple(4, 0, 1.0), std::tuple(1, 4, 1.0), std::tuple(2, 2, 1e-3), std::tuple(9, 8, 1e-4)}) {
        cut.accumulation = accumulation;
        cut.micro_shards = shards;
        cut.bucket_megabytes = bucket;
        const Result other = run(cut, 1, regularizers);
        EXPECT_LT(deviation(other.gradient, whole.gradient), 1e-12) << accumulation << " " << shards;
        EXPECT_NEAR(other.reports[0].loss, whole.reports[0].loss, 1e-12);
        EXPECT_NEAR(other.reports[0].gradient_norm, whole.reports[0].gradient_norm,
                    1e-12 * whole.reports[0].gradient_norm);
      }
    }
  }
}

TEST_F(TrainerTest, OutputPenaltyIsAMeanOverRowsThenSequences) {
  snapshots_.weights["base"] = initial_values(table_, model_.config(), 2, at::kDouble);
  for (const RowScope scope : {RowScope::answer, RowScope::all}) {
    Stay stay(scope, 1.0);
    const Result result = run(options_, 1, {{"stay", &stay}});
    double expected = 0;
    for (std::uint64_t position = 0; position < 6; ++position) {
      const std::vector<TokenSequence> one = {data_.sequence(0, sampler_.index(position))};
      const PackedBatch batch = pack(one);
      std::vector<std::int64_t> rows = batch.loss_rows;
      if (scope == RowScope::all) {
        rows.clear();
        for (std::int64_t row = 0; row + 1 < static_cast<std::int64_t>(batch.tokens.size()); ++row) rows.push_back(row);
      }
      const at::Tensor index = at::tensor(rows);
      const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
      const auto logits = [&](const at::Tensor& weights, at::Tensor* hidden_out) {
        const at::Tensor hidden = model_.forward(weights, tokens, nullptr, nullptr).index_select(0, index);
        if (hidden_out != nullptr) *hidden_out = hidden;
        return hidden.matmul(model_.head(weights).t());
      };
      at::Tensor hidden;
      const at::Tensor student = logits(start_, &hidden), teacher = logits(snapshots_.weights["base"], nullptr);
      expected += 0.5 * ((student - teacher).pow(2).sum(1) + hidden.pow(2).sum(1)).mean().item<double>() / 6;
    }
    EXPECT_NEAR(result.reports[0].penalties[0], expected, 1e-11 * expected);
  }
}

TEST_F(TrainerTest, FrozenParametersAreBitIdentical) {
  Pull pull(0.5);
  snapshots_.weights["base"] = start_ + 1;
  options_.weight_decay = 0.3;
  TrainableSelection selection;
  std::int64_t trainable = 0;
  for (const ParameterInfo& parameter : table_.entries()) {
    selection.trains.push_back(parameter.role == Role::attention_k || parameter.role == Role::ffn_up ||
                               parameter.role == Role::norm);
    if (selection.trains.back()) trainable += parameter.count;
  }
  const auto masked = static_cast<std::size_t>(table_.index_of("model.layers.1.mlp.up_proj.weight"));
  at::Tensor mask = at::zeros(table_[masked].shape, at::kByte);
  mask.narrow(0, 0, 10).fill_(1);
  selection.masks[masked] = mask;
  const Result result = run(options_, 7, {{"pull", &pull}}, selection);
  EXPECT_EQ(result.gradient.numel(), trainable);
  for (std::size_t i = 0; i < table_.size(); ++i) {
    const at::Tensor now = table_.view(result.weights, i), then = table_.view(start_, i);
    if (i == masked) {
      EXPECT_TRUE(now.narrow(0, 10, 30).equal(then.narrow(0, 10, 30)));
      EXPECT_FALSE((now.narrow(0, 0, 10) == then.narrow(0, 0, 10)).any().item<bool>());
    } else if (selection.trains[i]) {
      EXPECT_FALSE((now == then).all().item<bool>()) << table_[i].name;
    } else {
      EXPECT_TRUE(now.equal(then)) << table_[i].name;
    }
  }
}

TEST_F(TrainerTest, DecayActsOnMatricesAlone) {
  options_.weight_decay = 0.5;
  const Result with = run(options_, 1);
  options_.weight_decay = 0;
  const Result without = run(options_, 1);
  for (std::size_t i = 0; i < table_.size(); ++i) {
    const at::Tensor shrunk = table_.view(with.weights, i) - table_.view(without.weights, i);
    const double rate = table_[i].shape.size() > 1 ? 0.5 * 1e-2 : 0.0;
    EXPECT_LT((shrunk + rate * table_.view(start_, i)).abs().max().item<double>(), 1e-15) << table_[i].name;
  }
}

TEST_F(TrainerTest, ClippingScalesTheGradientWithItsPenalties) {
  Pull pull(3);
  snapshots_.weights["base"] = start_ + 1;
  const Result free = run(options_, 1, {{"pull", &pull}});
  options_.clip = 0.5;
  const Result clipped = run(options_, 1, {{"pull", &pull}});
  EXPECT_GT(free.reports[0].gradient_norm, 3);
  EXPECT_EQ(clipped.reports[0].gradient_norm, free.reports[0].gradient_norm);  // reported as it was
  EXPECT_NEAR(clipped.gradient.norm().item<double>(), 0.5, 1e-12);
  EXPECT_LT(deviation(clipped.gradient, free.gradient * (0.5 / free.reports[0].gradient_norm)), 1e-12);
  options_.clip = 1e6;
  EXPECT_TRUE(run(options_, 1, {{"pull", &pull}}).gradient.equal(free.gradient));
}

TEST_F(TrainerTest, ARegularizerThatAddsNothingChangesNoBit) {
  class Nothing final : public Regularizer {
    Site site() const override { return Site::outputs; }
    at::Tensor output_loss(const OutputContext&) override { return at::zeros({}, at::kDouble); }
  } nothing;
  EXPECT_TRUE(run(options_, 5, {{"nothing", &nothing}}).weights.equal(run(options_, 5).weights));
}

TEST_F(TrainerTest, TrainsInFloatToo) {
  options_.batch_size = 13;
  at::Tensor weights = start_.to(at::kFloat);
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase({}, {}, snapshots_);
  double first = 0, last = 0;
  for (std::uint64_t step = 0; step < 30; ++step) {
    last = trainer.step(data_, sampler_, batch_at(13 * step, 13, 13), 30).loss;
    if (step == 0) first = last;
  }
  EXPECT_LT(last, 0.3 * first);
  EXPECT_EQ(trainer.optimizer().step, 30);
  trainer.begin_phase({}, {}, snapshots_);  // a fresh optimizer
  EXPECT_EQ(trainer.optimizer().step, 0);
  EXPECT_EQ(trainer.optimizer().first.abs().max().item<double>(), 0.0);
}

TEST_F(TrainerTest, NonFiniteValuesStopBeforeTheWeightsChange) {
  class Explode final : public Regularizer {
   public:
    Site site() const override { return Site::weights; }
    double add_gradient(const WeightContext& context) override {
      if (armed) context.gradients.narrow(0, 40, 1).fill_(std::numeric_limits<double>::infinity());
      return 0;
    }
    bool armed = false;
  } explode;
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase({}, {{"explode", &explode}}, snapshots_);
  (void)trainer.step(data_, sampler_, {0, 6}, 10);
  const at::Tensor good = weights.clone(), moments = trainer.optimizer().first.clone();
  explode.armed = true;
  const Error gradient = error_of([&] { (void)trainer.step(data_, sampler_, {6, 12}, 10); });
  EXPECT_EQ(gradient.kind(), ErrorKind::numerical);
  EXPECT_NE(std::string(gradient.what()).find("gradient is not finite: regularizer 'explode', add_gradient"),
            std::string::npos)
      << gradient.what();
  EXPECT_NE(std::string(gradient.what()).find("step 1"), std::string::npos);
  EXPECT_TRUE(weights.equal(good));
  EXPECT_TRUE(trainer.optimizer().first.equal(moments));
  explode.armed = false;
  (void)trainer.step(data_, sampler_, {6, 12}, 10);  // and it can go on
  EXPECT_FALSE(weights.equal(good));

  weights.narrow(0, 3, 1).fill_(std::numeric_limits<double>::quiet_NaN());
  const std::string before = hash_tensor(weights);
  const Error loss = error_of([&] { (void)trainer.step(data_, sampler_, {12, 13}, 10); });
  EXPECT_EQ(loss.kind(), ErrorKind::numerical);
  EXPECT_NE(std::string(loss.what()).find("loss is not finite"), std::string::npos);
  EXPECT_EQ(hash_tensor(weights), before);
}

TEST_F(TrainerTest, RefusesShardsThatAreNoPowerOfTwo) {
  options_.micro_shards = 3;
  const Error error = error_of([&] { Trainer trainer(model_, start_.clone(), options_, *alone_); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("power of two"), std::string::npos);
}

}  // namespace
}  // namespace stet
