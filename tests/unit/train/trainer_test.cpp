// The training step in one process: its gradient against an independent computation, and what it promises about cuts of
// the batch, frozen parameters, clipping, failures and the teacher's cache.
#include "training.hpp"

#include <stet/base/error.hpp>

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

namespace stet {
namespace {

using testing::error_of;
using testing::MapSnapshots;
using testing::Pull;
using testing::Stay;
using testing::TaskAgain;

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() {
    snapshots_.weights["base"] = start_;
    options_.batch_size = 6;
    options_.learning_rate = 1e-2;
    options_.clip = 0;
    options_.replica_check_steps = 1;
  }

  struct Result {
    at::Tensor gradient;  ///< of the first step, after clipping, over what trains
    at::Tensor weights;
    std::vector<StepReport> reports;
  };

  /// `steps` steps from start_. The gradient of the first is read from the first moment.
  Result run(const TrainOptions& options, int steps, std::vector<ActiveRegularizer> regularizers = {},
             const TrainableSelection& selection = {}) {
    Result result;
    result.weights = start_.clone();
    Trainer trainer(model_, result.weights, options, *alone_);
    trainer.begin_phase(selection, std::move(regularizers), snapshots_);
    std::uint64_t position = 0;
    for (int step = 0; step < steps; ++step) {
      const BatchRange range = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options.batch_size));
      result.reports.push_back(trainer.step(data_, sampler_, range, steps));
      position = range.end;
      if (step == 0) result.gradient = trainer.optimizer().first / (1 - options.beta1);
    }
    return result;
  }

  static double deviation(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
  }

  const Transformer model_{testing::small_model()};
  const ParameterTable& table_ = model_.table();
  const at::Tensor start_ = initial_values(table_, model_.config(), 1, at::kDouble);
  const TrainingData data_ = testing::small_data();
  const Sampler sampler_{13, 5};
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  MapSnapshots snapshots_;
  TrainOptions options_;
};

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

class TeacherCacheTest : public TrainerTest {
 protected:
  at::Tensor logits(TeacherCache& cache, const std::vector<std::uint64_t>& indices) {
    const PackedBatch batch = packed(indices);
    return cache.logits(batch, at::tensor(batch.loss_rows), batch.sequence_of);
  }
  PackedBatch packed(const std::vector<std::uint64_t>& indices) {
    std::vector<TokenSequence> sequences;
    for (const std::uint64_t index : indices) sequences.push_back(data_.sequence(0, index));
    return pack(sequences);
  }
};

TEST_F(TeacherCacheTest, ComputesEachExampleOnce) {
  TeacherCache cache(model_, start_);
  (void)logits(cache, {0, 1, 2});
  EXPECT_EQ(cache.computed_examples(), 3U);
  (void)logits(cache, {2, 1});
  EXPECT_EQ(cache.computed_examples(), 3U);
  const at::Tensor mixed = logits(cache, {4, 1, 5, 0});
  EXPECT_EQ(cache.computed_examples(), 5U);
  EXPECT_EQ(cache.cached_examples(), 5U);
  const PackedBatch batch = packed({4, 1, 5, 0});
  const at::Tensor rows = at::tensor(batch.loss_rows);
  const at::Tensor direct = model_.forward(start_, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr)
                                .matmul(model_.head(start_).t());
  EXPECT_LT((mixed - direct).abs().max().item<double>(), 1e-12);
  EXPECT_FALSE(mixed.requires_grad());
}

TEST_F(TeacherCacheTest, WhatDoesNotFitIsComputedAgainWithTheSameBits) {
  TeacherCache all(model_, start_), none(model_, start_, 0);
  const at::Tensor expected = logits(all, {0, 1, 2});
  EXPECT_EQ(none.limit_bytes(), 0U);
  for (int time = 1; time <= 2; ++time) {
    EXPECT_TRUE(logits(none, {0, 1, 2}).equal(expected));
    EXPECT_EQ(none.computed_examples(), 3U * static_cast<unsigned>(time));
  }
  EXPECT_EQ(none.cached_bytes(), 0U);
  // One example's rows, [answer tokens, d]: room for the first, not for a second.
  const std::uint64_t first =
      packed({0}).loss_rows.size() * static_cast<std::uint64_t>(model_.config().width) * start_.element_size();
  TeacherCache one(model_, start_, first);
  EXPECT_TRUE(logits(one, {0, 1, 2}).equal(expected));
  EXPECT_EQ(one.cached_examples(), 1U);
  EXPECT_EQ(one.cached_bytes(), first);
}

TEST_F(TeacherCacheTest, AnswersDoNotDependOnTheCompanyOfTheFirstTime) {
  // Otherwise a resumed run, or one on other ranks, would differ in the last bits.
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    TeacherCache one(model_, start_.to(type)), other(model_, start_.to(type));
    for (std::uint64_t index = 0; index < 13; ++index) (void)logits(one, {index});
    (void)logits(other, {12, 3, 5, 0, 1, 2, 4});
    (void)logits(other, {6, 5, 7, 3, 8, 9, 10, 11});
    EXPECT_TRUE(logits(one, {3, 7, 1, 12}).equal(logits(other, {3, 7, 1, 12})));
  }
}

TEST_F(TeacherCacheTest, TheTrainerAsksOnceAnExample) {
  Stay stay(RowScope::answer);
  int forwards = 0;
  class Counting final : public Snapshots {
   public:
    Counting(const at::Tensor& weights, int& count) : weights_(weights), count_(count) {}
    const at::Tensor& get(const std::string&) const override {
      ++count_;
      return weights_;
    }

   private:
    const at::Tensor& weights_;
    int& count_;
  } snapshots(start_, forwards);
  Trainer trainer(model_, start_.clone(), options_, *alone_);
  trainer.begin_phase({}, {{"stay", &stay}}, snapshots);
  for (std::uint64_t position = 0; position < 26;) {
    const BatchRange range = batch_at(position, 13, 6);
    (void)trainer.step(data_, sampler_, range, 10);
    position = range.end;
  }
  EXPECT_EQ(forwards, 1);  // one cache for the whole phase
  // What it keeps is what the plan says that it will: rows with loss, [answer tokens, d].
  double rows = 0;
  for (std::uint64_t index = 0; index < 13; ++index)
    rows += static_cast<double>(data_.sequence(0, index).loss_tokens());
  const double bytes = rows * static_cast<double>(model_.config().width) * static_cast<double>(start_.element_size());
  EXPECT_NEAR(trainer.teacher_bytes(13), bytes, 1e-6);
  EXPECT_NEAR(trainer.teacher_bytes(130), 10 * bytes, 1e-6);
  // A limit changes time, and no bit.
  const auto trained = [&](double megabytes) {
    options_.teacher_cache_megabytes = megabytes;
    at::Tensor weights = start_.clone();
    Trainer limited(model_, weights, options_, *alone_);
    limited.begin_phase({}, {{"stay", &stay}}, snapshots);
    for (std::uint64_t position = 0; position < 26;) {
      const BatchRange range = batch_at(position, 13, 6);
      (void)limited.step(data_, sampler_, range, 10);
      position = range.end;
    }
    EXPECT_LE(limited.teacher_bytes(1e9), megabytes * 1e6);
    return weights;
  };
  const at::Tensor all = trained(1024);
  for (const double megabytes : {0.0, bytes / 2e6}) EXPECT_TRUE(trained(megabytes).equal(all)) << megabytes;
}

TEST(Schedule, ConstantWithWarmup) {
  TrainOptions options;
  options.learning_rate = 0.4;
  options.warmup_steps = 4;
  for (const auto& [step, expected] :
       {std::pair(0, 0.1), std::pair(1, 0.2), std::pair(3, 0.4), std::pair(4, 0.4), std::pair(99, 0.4)}) {
    EXPECT_DOUBLE_EQ(rate_at(options, step, 100), expected) << step;
  }
}

TEST(Schedule, Cosine) {
  TrainOptions options;
  options.learning_rate = 2;
  options.schedule = Schedule::cosine;
  options.warmup_steps = 10;
  options.final_rate = 0.1;
  EXPECT_DOUBLE_EQ(rate_at(options, 9, 110), 2);
  EXPECT_DOUBLE_EQ(rate_at(options, 10, 110), 2);
  EXPECT_NEAR(rate_at(options, 60, 110), 2 * 0.55, 1e-12);
  EXPECT_NEAR(rate_at(options, 110, 110), 0.2, 1e-12);
  EXPECT_NEAR(rate_at(options, 500, 110), 0.2, 1e-12);  // longer than planned: it does not rise again
  for (std::int64_t step = 10; step < 110; ++step)
    EXPECT_GT(rate_at(options, step, 110), rate_at(options, step + 1, 110));
  EXPECT_TRUE(std::isfinite(rate_at(options, 10, 5)));  // all warm-up
}

TEST(TrainOptionsSchema, DefaultsAndRefusals) {
  const config::IdentitySchema<TrainOptions> schema = TrainOptions::schema();
  EXPECT_EQ(schema.read(config::Value::table()).batch_size, 64);
  const auto refused = [&](const char* key, const config::Value& value) {
    config::Value table;
    table.set(key, value);
    return error_of([&] { (void)schema.read(table); }).kind() == ErrorKind::config;
  };
  EXPECT_TRUE(refused("batch_size", 0));
  EXPECT_TRUE(refused("learning_rate", 0.0));
  EXPECT_TRUE(refused("beta2", 1.0));
  EXPECT_TRUE(refused("accumulation", 0));
  EXPECT_TRUE(refused("loss_mean", "words"));
  EXPECT_TRUE(refused("batchsize", 3));
}

TEST(Batches, EndWithTheEpoch) {
  EXPECT_EQ(steps_per_epoch(10, 4), 3U);
  EXPECT_EQ(steps_per_epoch(8, 4), 2U);
  EXPECT_EQ(steps_per_epoch(3, 64), 1U);
  std::uint64_t position = 0;
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> expected = {{0, 4},   {4, 8},   {8, 10},
                                                                         {10, 14}, {14, 18}, {18, 20}};
  for (const auto& [begin, end] : expected) {
    const BatchRange range = batch_at(position, 10, 4);
    EXPECT_EQ(range.begin, begin);
    EXPECT_EQ(range.end, end);
    position = range.end;
  }
}

TEST(Batches, PartsCoverTheRangeEvenly) {
  for (const std::uint64_t size : {0U, 1U, 5U, 8U, 64U}) {
    for (const std::uint64_t parts : {1U, 2U, 4U, 7U, 16U}) {
      std::uint64_t next = 100;
      for (std::uint64_t index = 0; index < parts; ++index) {
        const BatchRange part = part_of({100, 100 + size}, index, parts);
        EXPECT_EQ(part.begin, next);
        EXPECT_GE(part.end - part.begin, size / parts);
        EXPECT_LE(part.end - part.begin, size / parts + 1);
        next = part.end;
      }
      EXPECT_EQ(next, 100 + size);
    }
  }
}

}  // namespace
}  // namespace stet
