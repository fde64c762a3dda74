// What the trainer offers to regularizers beside output_loss on the batch: rehearsed sequences, and the hooks after a
// step and after a phase.
#include "examples.hpp"
#include "trainer_fixture.hpp"

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace stet {
namespace {

using testing::error_of;
using testing::MapSnapshots;
using testing::Pull;
using testing::Rehearse;

class RehearsalTest : public testing::SmallTraining {
 protected:
  RehearsalTest() {
    snapshots_.weights["base"] = start_;
    options_.batch_size = 5;
  }

  struct Result {
    at::Tensor weights, gradient;  ///< the gradient is that of the first step
    std::vector<StepReport> reports;
  };

  Result run(int steps, std::vector<ActiveRegularizer> regularizers, std::uint64_t seed = 1) {
    Result result;
    result.weights = start_.clone();
    Trainer trainer(model_, result.weights, options_, *alone_);
    testing::fill(trainer.examples());
    trainer.examples().draw_by(seed);
    trainer.begin_phase({}, std::move(regularizers), snapshots_);
    std::uint64_t position = 0;
    for (int step = 0; step < steps; ++step) {
      const BatchRange range = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options_.batch_size));
      result.reports.push_back(trainer.step(data_, sampler_, range, steps));
      position = range.end;
      if (step == 0) result.gradient = trainer.optimizer().first / (1 - options_.beta1);
    }
    return result;
  }
  [[nodiscard]] std::vector<TokenSequence> first_batch() const {
    std::vector<TokenSequence> batch;
    for (std::uint64_t position = 0; position < 5; ++position)
      batch.push_back(data_.sequence(0, sampler_.index(position)));
    return batch;
  }
};

TEST_F(RehearsalTest, ThePenaltyIsTheMeanOverTheRehearsedSequences) {
  for (const RowScope scope : {RowScope::answer, RowScope::all}) {
    Rehearse rehearse("second", 4, scope, 0.5);
    const Result result = run(1, {{"rehearse", &rehearse}});
    ASSERT_EQ(rehearse.seen.size(), 4U);
    double expected = 0;
    for (const std::uint64_t example : rehearse.seen) {
      expected += 0.5 * testing::mean_loss(model_, start_, testing::stored(example), scope == RowScope::all) / 4;
    }
    EXPECT_NEAR(result.reports[0].penalties[0], expected, 1e-12);
    EXPECT_EQ(result.reports[0].loss, result.reports[0].task_loss + result.reports[0].penalties[0]);
    EXPECT_EQ(rehearse.sets, (std::vector<std::int32_t>{1, 1, 1, 1}));
    EXPECT_EQ(rehearse.names, (std::vector<std::string>{"first", "second", "empty"}));
  }
}

TEST_F(RehearsalTest, ItsGradientIsAddedToTheTasks) {
  options_.loss_mean = LossMean::sequence;
  Rehearse rehearse("second", 4, RowScope::answer, 0.5);
  const Result result = run(1, {{"rehearse", &rehearse}});
  std::vector<TokenSequence> rehearsed;
  for (const std::uint64_t example : rehearse.seen) rehearsed.push_back(testing::stored(example));
  const at::Tensor expected = testing::trainer_gradient(model_, start_, first_batch()) +
                              0.5 * testing::trainer_gradient(model_, start_, rehearsed);
  EXPECT_LT(deviation(result.gradient, expected), 1e-12);
}

TEST_F(RehearsalTest, TheTasksLossIsUnchanged) {
  for (const RowScope scope : {RowScope::answer, RowScope::all}) {
    Rehearse rehearse("first", 3, scope);
    const Result with = run(3, {{"rehearse", &rehearse}}), without = run(3, {});
    if (scope == RowScope::answer) {
      EXPECT_EQ(with.reports[0].task_loss, without.reports[0].task_loss);
    } else {  // more rows go through the head together
      EXPECT_NEAR(with.reports[0].task_loss, without.reports[0].task_loss, 1e-14);
    }
    EXPECT_NE(with.reports[2].task_loss, without.reports[2].task_loss);  // it does train
    EXPECT_EQ(with.reports[0].tokens, without.reports[0].tokens);        // of the batch
  }
}

TEST_F(RehearsalTest, EachIsDrawnOnceBeforeAnyComesAgain) {
  Rehearse rehearse("first", 3);  // 7 sequences: rounds do not end with steps
  (void)run(14, {{"rehearse", &rehearse}});
  ASSERT_EQ(rehearse.seen.size(), 42U);
  std::vector<std::vector<std::uint64_t>> rounds;
  for (std::size_t begin = 0; begin < 42; begin += 7) {
    std::vector<std::uint64_t> round(rehearse.seen.begin() + static_cast<std::ptrdiff_t>(begin),
                                     rehearse.seen.begin() + static_cast<std::ptrdiff_t>(begin + 7));
    rounds.push_back(round);
    std::sort(round.begin(), round.end());
    for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(round[i], ExampleStore::number_of(0, i)) << "round " << begin / 7;
  }
  EXPECT_NE(rounds[0], rounds[1]);  // each round in an order of its own
  Rehearse other("first", 3);
  (void)run(14, {{"rehearse", &other}}, 2);
  EXPECT_NE(other.seen, rehearse.seen);  // keyed with the seed
}

TEST_F(RehearsalTest, MoreThanTheSetHoldsComesAgainInTheSameStep) {
  Rehearse rehearse("second", 15);
  (void)run(1, {{"rehearse", &rehearse}});
  std::map<std::uint64_t, int> times;
  for (const std::uint64_t example : rehearse.seen) ++times[example];
  EXPECT_EQ(times.size(), 6U);
  for (const auto& [example, count] : times) EXPECT_TRUE(count == 2 || count == 3) << example;
}

TEST_F(RehearsalTest, TheCutIntoShardsAndPiecesDoesNotMatter) {
  Rehearse whole("second", 5);
  const Result expected = run(1, {{"rehearse", &whole}});
  for (const auto& [shards, pieces] :
       {std::pair(4, 1), std::pair(8, 2), std::pair(2, 5)}) {  // 8 shards of 5: some are empty
    options_.micro_shards = shards;
    options_.accumulation = pieces;
    Rehearse cut("second", 5);
    const Result result = run(1, {{"rehearse", &cut}});
    EXPECT_EQ(cut.seen, whole.seen);
    EXPECT_LT(deviation(result.gradient, expected.gradient), 1e-12);
    EXPECT_NEAR(result.reports[0].penalties[0], expected.reports[0].penalties[0], 1e-13);
  }
}

TEST_F(RehearsalTest, EachRegularizerSeesItsOwnSequences) {
  class OnBatch final : public Regularizer {
   public:
    Site site() const override { return Site::outputs; }
    at::Tensor output_loss(const OutputContext& context) override {
      seen.insert(seen.end(), context.examples.begin(), context.examples.end());
      weight += context.row_weights.sum().item<double>();
      return (context.row_weights * context.logits.pow(2).sum(1)).sum();
    }
    std::vector<std::uint64_t> seen;
    double weight = 0;
  } on_batch;
  Rehearse first("first", 2), second("second", 3);
  const Result all = run(1, {{"first", &first}, {"batch", &on_batch}, {"second", &second}});
  std::vector<std::uint64_t> batch;
  for (const TokenSequence& sequence : first_batch()) batch.push_back(sequence.example);
  EXPECT_EQ(on_batch.seen, batch);
  EXPECT_NEAR(on_batch.weight, 1, 1e-14);
  EXPECT_EQ(first.sets, (std::vector<std::int32_t>{0, 0}));
  EXPECT_EQ(second.sets, (std::vector<std::int32_t>{1, 1, 1}));
  // Each penalty is in its regularizer's place, and is what it is by itself.
  Rehearse alone("second", 3);
  EXPECT_EQ(run(1, {{"second", &alone}}).reports[0].penalties[0], all.reports[0].penalties[2]);
  EXPECT_EQ(alone.seen, second.seen);
  EXPECT_NE(all.reports[0].penalties[0], all.reports[0].penalties[2]);
}

TEST_F(RehearsalTest, NonePerStepIsPlainTraining) {
  Rehearse none("no such set", 0);
  EXPECT_TRUE(run(4, {{"none", &none}}).weights.equal(run(4, {}).weights));
  EXPECT_TRUE(none.seen.empty());
}

TEST_F(RehearsalTest, UnknownAndEmptySetsAreRefusedWhenThePhaseBegins) {
  Trainer trainer(model_, start_.clone(), options_, *alone_);
  testing::fill(trainer.examples());
  Rehearse unknown("secnod", 2), empty("empty", 2);
  const Error error = error_of([&] { trainer.begin_phase({}, {{"rehearse", &unknown}}, snapshots_); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("did you mean 'second'?"), std::string::npos) << error.what();
  EXPECT_EQ(error_of([&] { trainer.begin_phase({}, {{"rehearse", &empty}}, snapshots_); }).kind(), ErrorKind::config);
}

TEST_F(RehearsalTest, ATeachersAnswersToTheBatchAndToRehearsalAreKeptApart) {
  // The same place in two sets, and the batch's own numbers: a cache that mixed them up would show in the distance to
  // itself.
  class ToItself final : public Regularizer {
   public:
    explicit ToItself(std::optional<Rehearsal> what) : what_(std::move(what)) {}
    Site site() const override { return Site::outputs; }
    std::optional<Rehearsal> rehearsal() const override { return what_; }
    at::Tensor output_loss(const OutputContext& context) override {
      const at::Tensor cached = context.snapshot_logits("base");
      const at::Tensor same = context.logits_under(start);
      worst = std::max({worst, (cached - same).abs().max().item<double>()});
      return 0.0 * context.logits.sum();
    }
    at::Tensor start;
    double worst = 0;

   private:
    std::optional<Rehearsal> what_;
  };
  ToItself batch(std::nullopt), first(Rehearsal{"first", 4}), second(Rehearsal{"second", 4});
  for (ToItself* one : {&batch, &first, &second}) one->start = start_;
  (void)run(5, {{"batch", &batch}, {"first", &first}, {"second", &second}});
  for (const ToItself* one : {&batch, &first, &second}) EXPECT_LT(one->worst, 1e-12);
}

/// Remembers what after_step showed, and may replace the weights.
class Watch final : public Regularizer {
 public:
  Site site() const override { return Site::weights; }
  double add_gradient(const WeightContext&) override { return 0; }
  void after_step(const WeightContext& context) override {
    steps.push_back(context.step);
    values.push_back(context.values.clone());
    norms.push_back(context.gradients.norm().item<double>());
  }
  std::optional<at::Tensor> replace_weights(const WeightContext&) override { return replacement; }

  std::vector<std::int64_t> steps;
  std::vector<at::Tensor> values;
  std::vector<double> norms;
  std::optional<at::Tensor> replacement;
};

TEST_F(RehearsalTest, AfterAStepTheNewWeightsAndTheWholeGradientAreShown) {
  Watch watch;
  Pull pull(3);
  snapshots_.weights["base"] = start_ + 1;
  options_.clip = 0.5;
  const Result result = run(3, {{"watch", &watch}, {"pull", &pull}});
  ASSERT_EQ(watch.values.size(), 3U);
  EXPECT_TRUE(watch.values[2].equal(result.weights));
  EXPECT_FALSE(watch.values[0].equal(start_));
  EXPECT_EQ(watch.steps, (std::vector<std::int64_t>{0, 1, 2}));
  for (std::size_t step = 0; step < 3; ++step) {
    EXPECT_NEAR(watch.norms[step], result.reports[step].gradient_norm,
                1e-9 * watch.norms[step]);  // with the pull, not clipped
    EXPECT_GT(watch.norms[step], 3);
  }
}

TEST_F(RehearsalTest, ReplacedWeights) {
  Watch watch;
  at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase({}, {{"watch", &watch}}, snapshots_);
  (void)trainer.step(data_, sampler_, {0, 5}, 10);
  const at::Tensor trained = weights.clone();
  EXPECT_TRUE(trainer.replace_weights().empty());
  EXPECT_TRUE(weights.equal(trained));
  watch.replacement = 0.5 * (start_ + trained);
  EXPECT_EQ(trainer.replace_weights().size(), 1U);
  EXPECT_TRUE(weights.equal(*watch.replacement));
  for (const at::Tensor& wrong : {start_.to(at::kFloat), start_.narrow(0, 0, 10)}) {
    watch.replacement = wrong;
    EXPECT_EQ(error_of([&] { (void)trainer.replace_weights(); }).kind(), ErrorKind::plugin);
  }
}

}  // namespace
}  // namespace stet
