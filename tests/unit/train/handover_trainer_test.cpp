// What the trainer takes from plugins, and what it refuses by the name of the plugin and the hook. The rules:
// tests/unit/plugin/handover_test.cpp.
#include "training.hpp"

#include <stet/base/error.hpp>

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace stet {
namespace {

using testing::error_of;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Does what the test says.
class OnOutputs final : public Regularizer {
 public:
  explicit OnOutputs(std::function<at::Tensor(const OutputContext&)> term) : term_(std::move(term)) {}
  Site site() const override { return Site::outputs; }
  at::Tensor output_loss(const OutputContext& context) override { return term_(context); }

 private:
  std::function<at::Tensor(const OutputContext&)> term_;
};

class OnWeights final : public Regularizer {
 public:
  Site site() const override { return Site::weights; }
  double add_gradient(const WeightContext& context) override { return add ? add(context) : 0; }
  void after_step(const WeightContext& context) override {
    if (after) after(context);
  }
  std::optional<at::Tensor> replace_weights(const WeightContext&) override { return replacement; }

  std::function<double(const WeightContext&)> add;
  std::function<void(const WeightContext&)> after;
  std::optional<at::Tensor> replacement;
};

class Handover : public ::testing::Test {
 protected:
  Handover() {
    snapshots_.weights["base"] = start_;
    options_.batch_size = 6;
    options_.replica_check_steps = 3;
  }
  /// So many steps with the regularizer, which is called "mine".
  void train(Regularizer& regularizer, int steps = 1, const TrainableSelection& selection = {}) {
    Trainer trainer(model_, start_.clone(), options_, *alone_);
    trainer.begin_phase(selection, {{"mine", &regularizer}}, snapshots_);
    for (int step = 0; step < steps; ++step) (void)trainer.step(data_, sampler_, {0, 6}, 10);
  }
  void expect(ErrorKind kind, const std::string& message, const std::string& hook, Regularizer& regularizer,
              int steps = 1) {
    const Error error = error_of([&] { train(regularizer, steps); });
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_NE(error.message().find(message), std::string::npos) << error.what();
    EXPECT_NE(error.where().find("regularizer 'mine', " + hook), std::string::npos) << error.what();
  }

  const Transformer model_{testing::small_model()};
  const at::Tensor start_ = initial_values(model_.table(), model_.config(), 1, at::kDouble);
  const TrainingData data_ = testing::small_data();
  const Sampler sampler_{13, 5};
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  testing::MapSnapshots snapshots_;
  TrainOptions options_;
};

TEST_F(Handover, MasksThatDoNotFitAreNotRead) {
  OnWeights nothing;
  TrainableSelection selection;
  selection.trains.assign(model_.table().size(), true);
  const auto refused = [&] {
    const Error error = error_of([&] { train(nothing, 1, selection); });
    EXPECT_EQ(error.kind(), ErrorKind::plugin);
    return error.message();
  };
  selection.masks[1] = at::ones({1}, at::kByte);
  EXPECT_NE(refused().find(" has shape [1], not ["), std::string::npos);
  selection.masks[1] = at::ones(model_.table()[1].shape, at::kFloat);
  EXPECT_NE(refused().find(" is not uint8 but Float"), std::string::npos);
  selection.masks[1] = at::full(model_.table()[1].shape, 2, at::kByte);
  EXPECT_NE(refused().find(" has values above 1"), std::string::npos);
  selection.masks.clear();
  selection.trains.pop_back();
  EXPECT_NE(refused().find(" entries for "), std::string::npos);
  selection.trains.assign(model_.table().size(), false);
  EXPECT_EQ(refused(), "nothing is left to train");
}

TEST_F(Handover, TermsAreRefusedByName) {
  OnOutputs vector([](const OutputContext& context) { return context.logits.sum(1); });
  expect(ErrorKind::plugin, "the term is no scalar", "output_loss", vector);
  OnOutputs undefined([](const OutputContext&) { return at::Tensor(); });
  expect(ErrorKind::plugin, "the term is an undefined tensor", "output_loss", undefined);
  OnOutputs detached([](const OutputContext& context) { return context.logits.pow(2).sum().detach(); });
  expect(ErrorKind::plugin, "hangs on no graph", "output_loss", detached);
  OnOutputs nan([](const OutputContext& context) { return context.logits.sum() * not_a_number; });
  expect(ErrorKind::numerical, "the term is not finite", "output_loss", nan);
  OnOutputs writes([](const OutputContext& context) {
    context.hidden.detach().zero_();
    return context.logits.sum();
  });
  expect(ErrorKind::plugin, "the hook has written the hidden states", "output_loss", writes);
  OnOutputs zero([](const OutputContext&) { return at::zeros({}); });
  train(zero, 3);
}

TEST_F(Handover, PenaltiesAreRefusedByName) {
  OnWeights nan;
  nan.add = [](const WeightContext&) { return not_a_number; };
  expect(ErrorKind::numerical, "the value of the term is not finite", "add_gradient", nan);
}

TEST_F(Handover, WritesIntoWhatIsOnlyToBeRead) {
  OnWeights mine;
  const auto by_pointer = [](std::int64_t step) {
    return [step](const WeightContext& context) {
      if (context.step == step) context.values.data_ptr<double>()[7] += 1;
      return 0.0;
    };
  };
  // By an operation: in any step.
  mine.add = [](const WeightContext& context) {
    if (context.step == 1) context.table.view(context.values, 2).mul_(1.0);
    return 0.0;
  };
  expect(ErrorKind::plugin, "the hook has written the weights", "add_gradient", mine, 2);
  // Through a pointer: in the first step, and as often as replicas are compared.
  for (const std::int64_t step : {0, 2}) {
    mine.add = by_pointer(step);
    expect(ErrorKind::plugin, "the hook has written the weights", "add_gradient", mine, 3);
  }
  mine.add = nullptr;
  mine.after = [](const WeightContext& context) { context.gradients.data_ptr<double>()[7] += 1; };
  expect(ErrorKind::plugin, "the hook has written the gradient", "after_step", mine);
  mine.after = [](const WeightContext& context) { context.values.add_(1e-3); };
  expect(ErrorKind::plugin, "the hook has written the weights", "after_step", mine);
}

TEST_F(Handover, WeightsThatAreNotFiniteReplaceNothing) {
  OnWeights mine;
  const at::Tensor weights = start_.clone();
  Trainer trainer(model_, weights, options_, *alone_);
  trainer.begin_phase({}, {{"mine", &mine}}, snapshots_);
  mine.replacement = at::full_like(start_, not_a_number);
  EXPECT_EQ(error_of([&] { (void)trainer.replace_weights(); }).message(),
            "replace_weights returned weights that are not finite");
  EXPECT_TRUE(weights.equal(start_));
  mine.replacement = 2 * start_;
  EXPECT_EQ(trainer.replace_weights(), std::vector<std::string>{"mine"});
}

TEST_F(Handover, MasksAreShown) {
  OnWeights mine;
  TrainableSelection selection;
  selection.trains.assign(model_.table().size(), true);
  selection.masks[1] =
      at::arange(model_.table()[1].count, at::kLong).remainder(2).to(at::kByte).view(model_.table()[1].shape);
  int seen = 0;
  mine.add = [&](const WeightContext& context) {
    EXPECT_EQ(context.masks.size(), 1U);
    EXPECT_TRUE(context.masks.at(1).equal(selection.masks[1]));
    ++seen;
    return 0.0;
  };
  mine.after = [&](const WeightContext& context) { seen += static_cast<int>(context.masks.count(1)); };
  train(mine, 2, selection);
  EXPECT_EQ(seen, 4);
  mine.after = nullptr;
  mine.add = [&](const WeightContext& context) {
    EXPECT_TRUE(context.masks.empty());
    return 0.0;
  };
  train(mine);
}

}  // namespace
}  // namespace stet
