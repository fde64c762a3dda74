// Examples and rehearsal over several ranks (CTest: 1, 2 and 4). The reference is the same computation in one process,
// made by every rank within the same program.
#include "ranked_main.hpp"

#include <error_of.hpp>
#include <unit/train/examples.hpp>

namespace stet {
namespace {

using testing::MapSnapshots;
using testing::Rehearse;

Communicator* world = nullptr;  // main's, for the tests

class MpiExamples : public ::testing::Test {
 protected:
  MpiExamples() {
    options_.batch_size = 5;  // over 4 shards: 1, 1, 1, 2
    options_.learning_rate = 5e-3;
    options_.micro_shards = 4;
    options_.clip = 0;
    options_.replica_check_steps = 1;
    testing::fill(ours_);
    testing::fill(alone_store_);
  }

  struct Result {
    at::Tensor weights, gradient;
    std::vector<StepReport> reports;
  };
  Result train(Communicator& communicator, at::ScalarType type, std::vector<ActiveRegularizer> regularizers,
               int steps = 10) {
    MapSnapshots snapshots;
    Result result;
    result.weights = initial_values(model_.table(), model_.config(), 1, type);
    Trainer trainer(model_, result.weights, options_, communicator);
    testing::fill(trainer.examples());
    trainer.begin_phase({}, std::move(regularizers), snapshots);
    std::uint64_t position = 0;
    for (int step = 0; step < steps; ++step) {
      const BatchRange range = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options_.batch_size));
      result.reports.push_back(trainer.step(data_, sampler_, range, 10));
      position = range.end;
      if (step == 0) result.gradient = trainer.optimizer().first / (1 - options_.beta1);
    }
    return result;
  }

  const Transformer model_{testing::small_model()};
  const TrainingData data_ = testing::small_data();
  const Sampler sampler_{13, 5};
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  ExampleStore ours_{model_, *world, 4}, alone_store_{model_, *alone_, 4};
  TrainOptions options_;
};

std::vector<at::Tensor> cross_entropy(const ExampleRows& rows) { return {cross_entropy_gradient(rows)}; }
void add_square(const at::Tensor& gradient, std::size_t, at::Tensor& sum) { sum.addcmul_(gradient, gradient); }

TEST_F(MpiExamples, SumsHaveTheSameBitsOnAnyNumberOfRanks) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor weights = initial_values(model_.table(), model_.config(), 1, type);
    for (const ExampleRange& range :
         {ExampleRange{"first", 0, 1}, {"second", 5, 1}, {"first", 0, 3}, {"first", 1, 1}}) {  // also fewer than shards
      const at::Tensor sum = ours_.sum_gradients(range, weights, cross_entropy, add_square);
      EXPECT_TRUE(sum.equal(alone_store_.sum_gradients(range, weights, cross_entropy, add_square)))
          << range.limit << " " << range.group;
      EXPECT_GT(sum.max().item<double>(), 0);
    }
  }
}

TEST_F(MpiExamples, NumbersAreTheSameOnAllRanks) {
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  const auto read = [](const at::Tensor& g) -> std::vector<double> {
    return {g.norm().item<double>(), g[17].item<double>()};
  };
  for (const ExampleRange& range :
       {ExampleRange{"first", 0, 1}, {"first", 0, 3}, {"second", 1, 1}}) {  // also fewer than ranks
    const at::Tensor numbers = ours_.map_gradients(range, weights, cross_entropy, read);
    EXPECT_TRUE(numbers.equal(alone_store_.map_gradients(range, weights, cross_entropy, read)))
        << range.limit << " " << range.group;
  }
}

TEST_F(MpiExamples, RehearsalTrainsToTheSameBits) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t per_step : {1, 3, 8}) {  // over 4 shards: some get none
      Rehearse ours("second", per_step, RowScope::all), reference("second", per_step, RowScope::all);
      const Result a = train(*world, type, {{"rehearse", &ours}}), b = train(*alone_, type, {{"rehearse", &reference}});
      EXPECT_TRUE(a.weights.equal(b.weights)) << per_step;
      for (std::size_t step = 0; step < b.reports.size(); ++step) {
        EXPECT_EQ(a.reports[step].task_loss, b.reports[step].task_loss);
        EXPECT_EQ(a.reports[step].penalties, b.reports[step].penalties);
        EXPECT_EQ(a.reports[step].gradient_norm, b.reports[step].gradient_norm);
      }
      EXPECT_EQ(reference.seen.size(), static_cast<std::size_t>(10 * per_step));
      std::vector<double> count{static_cast<double>(ours.seen.size())};
      world->all_reduce_sum(std::span<double>(count));
      EXPECT_EQ(count[0], static_cast<double>(10 * per_step));  // each drawn sequence is on one rank
    }
  }
}

/// Half the squared logits of each row.
class Shrink final : public Regularizer {
 public:
  explicit Shrink(std::optional<Rehearsal> what = std::nullopt) : what_(std::move(what)) {}
  Site site() const override { return Site::outputs; }
  std::optional<Rehearsal> rehearsal() const override { return what_; }
  at::Tensor output_loss(const OutputContext& context) override {
    return 0.5 * (context.row_weights * context.logits.pow(2).sum(1)).sum();
  }

 private:
  std::optional<Rehearsal> what_;
};

TEST_F(MpiExamples, AnOutputTermIsAMeanOverSequencesNotOfTheRanksMeans) {
  const at::Tensor start = initial_values(model_.table(), model_.config(), 1, at::kDouble);
  std::vector<double> means, rows;
  for (std::uint64_t position = 0; position < 5; ++position) {
    const TokenSequence sequence = data_.sequence(0, sampler_.index(position));
    const PackedBatch batch = pack(std::span(&sequence, 1));
    const at::Tensor index = at::tensor(batch.loss_rows);
    const at::Tensor logits = model_.forward(start, {batch.tokens, batch.offsets, batch.positions}, &index, nullptr)
                                  .matmul(model_.head(start).t());
    means.push_back(0.5 * logits.pow(2).sum(1).mean().item<double>());
    rows.push_back(static_cast<double>(logits.size(0)));
  }
  double expected = 0, by_rows = 0, all_rows = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    expected += means[i] / 5;
    by_rows += means[i] * rows[i];
    all_rows += rows[i];
  }
  const double of_shards = (means[0] + means[1] + means[2] + (means[3] + means[4]) / 2) / 4;
  // The wrong answers are far away with this data.
  EXPECT_GT(std::abs(of_shards - expected), 1e-3 * expected);
  EXPECT_GT(std::abs(by_rows / all_rows - expected), 1e-3 * expected);
  for (const std::int64_t shards : {0, 4, 8}) {  // 0: as many as ranks
    options_.micro_shards = shards;
    Shrink shrink;
    const Result result = train(*world, at::kDouble, {{"shrink", &shrink}}, 1);
    EXPECT_NEAR(result.reports[0].penalties[0], expected, 1e-12 * expected) << shards;
  }
}

TEST_F(MpiExamples, TheGradientIsThatOfSequencesOneByOne) {
  // On the batch and rehearsed: the sum of what each sequence gives by itself in one process, over their number.
  const std::optional<Rehearsal> rehearsed = Rehearsal{"second", 6};  // all of the set
  for (const std::optional<Rehearsal>& what : {std::optional<Rehearsal>(), rehearsed}) {
    Shrink shrink(what);
    const at::Tensor ours =
        train(*world, at::kDouble, {{"shrink", &shrink}}, 1).gradient - train(*world, at::kDouble, {}, 1).gradient;
    std::vector<TokenSequence> sequences;
    if (what) {
      sequences = alone_store_.sequences("second");
    } else {
      for (std::uint64_t position = 0; position < 5; ++position)
        sequences.push_back(data_.sequence(0, sampler_.index(position)));
    }
    at::Tensor expected = at::zeros_like(ours);
    const at::Tensor start = initial_values(model_.table(), model_.config(), 1, at::kDouble);
    for (const TokenSequence& sequence : sequences) {
      const PackedBatch batch = pack(std::span(&sequence, 1));
      const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
      const at::Tensor index = at::tensor(batch.loss_rows);
      Activations kept;
      const at::Tensor hidden = model_.forward(start, tokens, &index, &kept);
      const at::Tensor d_logits = hidden.matmul(model_.head(start).t()) / static_cast<double>(hidden.size(0));
      model_.head(expected).add_(d_logits.t().matmul(hidden));
      model_.backward(start, tokens, kept, d_logits.matmul(model_.head(start)), expected, {});
    }
    expected /= static_cast<double>(sequences.size());
    EXPECT_LT(((ours - expected).abs().max() / expected.abs().max()).item<double>(), 1e-11);
  }
}

TEST_F(MpiExamples, AnUnknownSetIsRefusedOnEveryRank) {
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  EXPECT_EQ(testing::error_of([&] { (void)ours_.sum_gradients({"third"}, weights, cross_entropy, add_square); }).kind(),
            ErrorKind::config);
  Rehearse rehearse("third", 2);
  MapSnapshots snapshots;
  Trainer trainer(model_, weights.clone(), options_, *world);
  testing::fill(trainer.examples());
  EXPECT_EQ(testing::error_of([&] {
              trainer.begin_phase({}, {{"rehearse", &rehearse}}, snapshots);
            }).kind(),
            ErrorKind::config);
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
