#include <stet/run/training/trainer_checkpoint.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

ModelConfig tiny() {
  ModelConfig config;
  config.vocabulary = 11;
  config.width = 8;
  config.layers = 1;
  config.heads = 2;
  config.context = 8;
  config.complete();
  return config;
}

class NoSnapshots : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    throw Error(ErrorKind::config, "no snapshot " + name);
  }
};

TEST(TrainerCheckpoint, RoundTrip) {
  const auto alone = make_single_process();
  const Transformer model{tiny()};
  at::Tensor weights = initial_values(model.table(), model.config(), 1, at::kFloat);
  Trainer trainer(model, weights, {}, *alone);
  const NoSnapshots snapshots;
  trainer.begin_phase({}, {}, snapshots);
  trainer.optimizer().first.fill_(0.25);
  trainer.optimizer().second.fill_(0.5);
  trainer.optimizer().step = 7;
  Checkpoint checkpoint;
  save_trainer(trainer, weights, checkpoint);
  EXPECT_EQ(checkpoint.tensors.count("factors"), 0U);

  at::Tensor other = at::zeros_like(weights);
  const OptimizerState state = load_trainer(checkpoint, other);
  EXPECT_TRUE(other.equal(weights));
  EXPECT_TRUE(state.first.equal(trainer.optimizer().first));
  EXPECT_TRUE(state.second.equal(trainer.optimizer().second));
  EXPECT_EQ(state.step, 7);
  EXPECT_FALSE(state.factors.defined());
  EXPECT_NE(state.first.data_ptr(), trainer.optimizer().first.data_ptr());  // tensors of its own
}

TEST(TrainerCheckpoint, ABaseModelOfAnOlderStetHasItsStepInTheCheckpoint) {
  Checkpoint checkpoint;
  checkpoint.step = 42;
  checkpoint.tensors = {{"weights", at::ones({3})}, {"moment1", at::zeros({3})}, {"moment2", at::zeros({3})}};
  at::Tensor weights = at::zeros({3});
  EXPECT_EQ(load_trainer(checkpoint, weights).step, 42);
  EXPECT_TRUE(weights.equal(at::ones({3})));
  checkpoint.tensors["factors"] = at::ones({2});
  EXPECT_TRUE(load_trainer(checkpoint, weights).factors.equal(at::ones({2})));
}

}  // namespace
}  // namespace stet
