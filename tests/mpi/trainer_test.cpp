// Training over several ranks (CTest: 1, 2 and 4). The reference is a run in one process, computed by every rank within
// the same program. Every rank runs every test; checks are EXPECT_, so that a failing rank still takes part in what
// follows.
#include <stet/base/error.hpp>
#include <stet/comm/session.hpp>
#include <unit/train/training.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>

namespace stet {
namespace {

using testing::MapSnapshots;
using testing::Pull;
using testing::Stay;

Communicator* world = nullptr;  // main's, for the tests

int rank() { return world->rank(); }
int size() { return world->size(); }

/// 13 sequences an epoch, 5 a batch: shards are uneven, and some are empty.
class MpiTrainer : public ::testing::Test {
 protected:
  MpiTrainer() {
    options_.batch_size = 5;
    options_.learning_rate = 5e-3;
    options_.weight_decay = 0.1;
    options_.micro_shards = 4;
    options_.replica_check_steps = 1;
  }

  struct Result {
    at::Tensor weights;
    std::vector<StepReport> reports;
  };

  /// Ten steps over three epochs.
  Result train(Communicator& communicator, at::ScalarType type, const TrainOptions& options, bool regularized,
               const TrainableSelection& selection = {}) {
    MapSnapshots snapshots;
    snapshots.weights["base"] = initial_values(model_.table(), model_.config(), 2, type);
    Stay stay(RowScope::all);
    Pull pull(0.05);
    std::vector<ActiveRegularizer> regularizers;
    if (regularized) regularizers = {{"stay", &stay}, {"pull", &pull}};
    Result result;
    result.weights = initial_values(model_.table(), model_.config(), 1, type);
    Trainer trainer(model_, result.weights, options, communicator);
    trainer.begin_phase(selection, std::move(regularizers), snapshots);
    std::uint64_t position = 0;
    for (int step = 0; step < 10; ++step) {
      const BatchRange range = batch_at(position, data_.epoch_size, static_cast<std::uint64_t>(options.batch_size));
      result.reports.push_back(trainer.step(data_, sampler_, range, 10));
      position = range.end;
    }
    trainer.check_replicas();
    return result;
  }

  void expect_same_bits(const Result& ours, const Result& alone) {
    EXPECT_TRUE(ours.weights.equal(alone.weights));
    for (std::size_t step = 0; step < alone.reports.size(); ++step) {
      const StepReport &a = ours.reports[step], &b = alone.reports[step];
      EXPECT_EQ(a.loss, b.loss) << step;
      EXPECT_EQ(a.task_loss, b.task_loss) << step;
      EXPECT_EQ(a.penalties, b.penalties) << step;
      EXPECT_EQ(a.gradient_norm, b.gradient_norm) << step;
      EXPECT_EQ(a.tokens, b.tokens) << step;
    }
  }

  const Transformer model_{testing::small_model()};
  const TrainingData data_ = testing::small_data();
  const Sampler sampler_{13, 5};
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  TrainOptions options_;
};

TEST_F(MpiTrainer, TheSameBitsOnAnyNumberOfRanks) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const bool regularized : {false, true}) {
      const Result ours = train(*world, type, options_, regularized);
      const Result alone = train(*alone_, type, options_, regularized);
      EXPECT_FALSE(alone.weights.equal(initial_values(model_.table(), model_.config(), 1, type)));
      expect_same_bits(ours, alone);
    }
  }
}

/// Throws in one hook on the last rank.
class FailsOnOneRank final : public Regularizer {
 public:
  FailsOnOneRank(Site site, int calls) : site_(site), calls_(calls) {}
  [[nodiscard]] Site site() const override { return site_; }
  [[nodiscard]] at::Tensor output_loss(const OutputContext& context) override {
    fail();
    return context.logits.sum() * 0.0;
  }
  [[nodiscard]] double add_gradient(const WeightContext& /*context*/) override {
    fail();
    return 0;
  }

 private:
  void fail() {
    if (rank() == size() - 1 && calls_-- == 0) throw std::out_of_range("far");
  }
  Site site_;
  int calls_;
};

TEST_F(MpiTrainer, WhatFailsOnOneRankAllRanksThrowAndTheGroupGoesOn) {
  const Result before = train(*world, at::kFloat, options_, false);
  for (const Site site : {Site::outputs, Site::weights}) {
    MapSnapshots snapshots;
    FailsOnOneRank fails(site, 1);
    at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
    Trainer trainer(model_, weights, options_, *world);
    trainer.begin_phase({}, {{"fails", &fails}}, snapshots);
    try {
      for (std::uint64_t step = 0; step < 4; ++step) (void)trainer.step(data_, sampler_, {step * 5, step * 5 + 5}, 10);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::plugin);
      EXPECT_EQ(error.message(), "std::out_of_range: far");
      const std::string place =
          std::string("regularizer 'fails', ") + (site == Site::outputs ? "output_loss" : "add_gradient");
      EXPECT_EQ(error.where(), size() == 1 ? place : "rank " + std::to_string(size() - 1) + ": " + place);
      EXPECT_EQ(error.is_known_to_all(), size() > 1);
    }
  }
  // A sequence that is too long, on one rank's share.
  TrainingData longer = data_;
  longer.sequence = [this](std::uint64_t epoch, std::uint64_t index) {
    TokenSequence sequence = data_.sequence(epoch, index);
    if (index == sampler_.index(0)) sequence.ids.resize(static_cast<std::size_t>(model_.config().context) + 1);
    return sequence;
  };
  MapSnapshots snapshots;
  at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  Trainer trainer(model_, weights, options_, *world);
  trainer.begin_phase({}, {}, snapshots);
  try {
    (void)trainer.step(longer, sampler_, {0, 5}, 10);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(error.message(), "a sequence is longer than the model's context");
  }
  expect_same_bits(train(*world, at::kFloat, options_, false), before);
}

TEST_F(MpiTrainer, TheSameBitsWithManyBucketsMoreShardsAndPieces) {
  options_.bucket_megabytes = 1e-3;  // 250 floats: dozens of messages while backward runs
  const Result alone = train(*alone_, at::kFloat, options_, true);
  expect_same_bits(train(*world, at::kFloat, options_, true), alone);
  options_.bucket_megabytes = 100;  // one bucket: the cut does not matter
  expect_same_bits(train(*world, at::kFloat, options_, true), alone);
  options_.micro_shards = 8;
  options_.accumulation = 2;
  expect_same_bits(train(*world, at::kFloat, options_, true), train(*alone_, at::kFloat, options_, true));
}

TEST_F(MpiTrainer, ARankMakesTheSequencesOfItsOwnPartAlone) {
  std::int64_t made = 0;
  TrainingData counting = data_;
  counting.size = {};
  counting.sequence = [&](std::uint64_t epoch, std::uint64_t index) {
    ++made;
    return data_.sequence(epoch, index);
  };
  MapSnapshots snapshots;
  at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  Trainer trainer(model_, weights, options_, *world);
  trainer.begin_phase({}, {}, snapshots);
  const StepReport report = trainer.step(counting, sampler_, {0, 5}, 10);
  std::array<std::int64_t, 1> all{made};
  world->all_reduce_sum(std::span<std::int64_t>(all));
  EXPECT_EQ(all[0], 5);  // each once, by one rank
  std::int64_t tokens = 0;
  for (std::uint64_t place = 0; place < 5; ++place)
    tokens += static_cast<std::int64_t>(data_.sequence(0, sampler_.index(place)).ids.size());
  EXPECT_EQ(report.tokens, tokens);  // of all ranks
}

TEST_F(MpiTrainer, TheTeachersAnswersDoNotDependOnTheRanks) {
  // Several sequences a shard: epoch after epoch a rank meets examples that another one has cached, in other company.
  options_.batch_size = 13;
  expect_same_bits(train(*world, at::kFloat, options_, true), train(*alone_, at::kFloat, options_, true));
}

TEST_F(MpiTrainer, TheSameBitsWithFrozenParameters) {
  TrainableSelection selection;
  for (const ParameterInfo& parameter : model_.table().entries())
    selection.trains.push_back(parameter.role != Role::embedding);
  const Result ours = train(*world, at::kFloat, options_, true, selection);
  expect_same_bits(ours, train(*alone_, at::kFloat, options_, true, selection));
  EXPECT_TRUE(
      model_.head(ours.weights).equal(model_.head(initial_values(model_.table(), model_.config(), 1, at::kFloat))));
}

TEST_F(MpiTrainer, TheSameBitsWithLowRankAndMasks) {
  TrainableSelection selection;
  for (std::size_t i = 0; i < model_.table().size(); ++i) {
    const ParameterInfo& parameter = model_.table()[i];
    const bool matrix = parameter.shape.size() == 2 && parameter.layer >= 0;
    selection.trains.push_back(matrix || parameter.role == Role::norm);
    if (matrix && parameter.role == Role::ffn_down) {
      selection.masks[i] = at::zeros(parameter.shape, at::kByte);
      selection.masks[i].narrow(0, 3, 7).fill_(1);
    } else if (matrix) {
      selection.low_rank[i] = {3, 2.0, 17, parameter.role == Role::attention_q};
    }
  }
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    // Without regularizers factors alone have gradients, with one that acts on weights whole matrices do.
    const Result thin = train(*world, type, options_, false, selection);
    expect_same_bits(thin, train(*alone_, type, options_, false, selection));
    const Result ours = train(*world, type, options_, true, selection);
    expect_same_bits(ours, train(*alone_, type, options_, true, selection));
    const at::Tensor start = initial_values(model_.table(), model_.config(), 1, type);
    for (std::size_t i = 0; i < model_.table().size(); ++i) {
      EXPECT_EQ(model_.table().view(ours.weights, i).equal(model_.table().view(start, i)), !selection.trains[i]) << i;
    }
  }
}

TEST_F(MpiTrainer, WithoutShardsRanksAgreeAndAreClose) {
  options_.micro_shards = 0;
  const Result ours = train(*world, at::kDouble, options_, true);
  const Result alone = train(*alone_, at::kDouble, options_, true);
  EXPECT_LT((ours.weights - alone.weights).abs().max().item<double>(), 1e-9);
  EXPECT_NEAR(ours.reports[0].loss, alone.reports[0].loss, 1e-12);
  EXPECT_NEAR(ours.reports[0].gradient_norm, alone.reports[0].gradient_norm, 1e-12 * alone.reports[0].gradient_norm);
}

TEST_F(MpiTrainer, AChangedReplicaIsFound) {
  const int culprit = size() - 1;
  const auto index = static_cast<std::size_t>(model_.table().index_of("model.layers.1.self_attn.k_proj.weight"));
  at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  MapSnapshots snapshots;
  Trainer trainer(model_, weights, options_, *world);
  trainer.begin_phase({}, {}, snapshots);
  EXPECT_NO_THROW(trainer.check_replicas());
  if (rank() == culprit) model_.table().view(weights, index)[0][0] += 1e-6F;
  std::optional<Error> found;
  try {
    trainer.check_replicas();
  } catch (const Error& error) {
    found = error;
  }
  EXPECT_EQ(found.has_value(), size() > 1);  // and on every rank
  if (!found) return;
  EXPECT_EQ(found->kind(), ErrorKind::communication);
  EXPECT_EQ(found->where(), "rank " + std::to_string(culprit) + ", step 0, model.layers.1.self_attn.k_proj.weight");
  // The step looks by itself as often as it is told to.
  EXPECT_THROW((void)trainer.step(data_, sampler_, {0, 5}, 10), Error);
}

TEST_F(MpiTrainer, AFailureIsEveryones) {
  at::Tensor weights = initial_values(model_.table(), model_.config(), 1, at::kFloat);
  weights.fill_(1e30F);
  const at::Tensor before = weights.clone();
  MapSnapshots snapshots;
  Trainer trainer(model_, weights, options_, *world);
  trainer.begin_phase({}, {}, snapshots);
  std::optional<Error> found;
  try {
    (void)trainer.step(data_, sampler_, {0, 5}, 10);
  } catch (const Error& error) {
    found = error;
  }
  EXPECT_TRUE(found && found->kind() == ErrorKind::numerical);
  EXPECT_TRUE(weights.equal(before));
}

TEST_F(MpiTrainer, ShardsThatDoNotFitAreRefused) {
  options_.micro_shards = size() > 1 ? size() / 2 : 3;
  EXPECT_THROW(Trainer(model_, initial_values(model_.table(), model_.config(), 1, at::kFloat), options_, *world),
               Error);
}

/// Failures with their rank; the other ranks are silent otherwise.
class RankedFailures final : public ::testing::EmptyTestEventListener {
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s:%d: %s\n", rank(), result.file_name() != nullptr ? result.file_name() : "?",
                 result.line_number(), result.message());
  }
};

int run_everything() {
  Session session;
  if (!session.uses_mpi()) {
    std::fprintf(stderr, "run me with mpirun: mpirun -n 4 mpi_trainer_test\n");
    return 1;
  }
  world = &session.world();
  if (rank() == 0) std::printf("%s\n", session.description().c_str());
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  if (rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new RankedFailures);  // GoogleTest owns it
  }
  std::array<double, 1> failed{RUN_ALL_TESTS() == 0 ? 0.0 : 1.0};
  world->all_reduce_max(failed);
  if (rank() == 0 && failed[0] != 0.0) std::fprintf(stderr, "a test failed on some rank\n");
  return failed[0] == 0.0 ? 0 : 1;
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  try {
    return stet::run_everything();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
