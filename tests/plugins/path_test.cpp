// synaptic_intelligence and wise_ft: what happens along and at the end of a phase.
#include "measuring.hpp"

#include <algorithm>

namespace stet::testing {
namespace {

class Path : public MeasuringTest {
 protected:
  /// One step of a phase: gives the task's gradient, moves what trains, tells the plugin. Returns - g * (change).
  at::Tensor step(Regularizer& regularizer, at::Tensor& values, const at::Tensor& task, const at::Tensor& move,
                  std::int64_t number) const {
    const at::Tensor gradients = task.clone(), change = move * mask(some_);
    (void)regularizer.add_gradient(at_step(values, gradients, some_, number));
    values.add_(change);
    regularizer.after_step(at_step(values, gradients, some_, number));
    return -task * change;
  }
};

TEST_F(Path, ImportanceIsTheFormula) {
  const auto si = make("synaptic_intelligence", "strength = 0.8\nxi = 0.2");
  at::Tensor values = base_.clone(), expected = at::zeros_like(base_), w = at::zeros_like(base_);
  at::Tensor start = values.clone();
  at::Tensor anchor;
  for (int round = 0; round < 2; ++round) {
    si->begin_phase(phase(values), false);
    start = values.clone();
    w.zero_();
    for (int i = 0; i < 4; ++i) {
      const std::string name = std::to_string(round) + "." + std::to_string(i);
      w += step(*si, values, normal({table_.total()}, "task" + name), normal({table_.total()}, "move" + name, 0.1), i);
    }
    // the first phase is free; later ones are held to the importance of those before
    double value = 0;
    const at::Tensor gradient = added(*si, values, some_, &value);
    if (round == 0) {
      EXPECT_EQ(value, 0);
      EXPECT_EQ(gradient.abs().max().item<double>(), 0);
    } else {
      const at::Tensor difference = (values - anchor) * mask(some_);
      expect_close(gradient, 2 * 0.8 * expected * difference, 1e-12);
      EXPECT_NEAR(value, 0.8 * (expected * difference.square()).sum().item<double>(), 1e-10);
      expect_finite_differences(*si, values, some_);
    }
    si->end_phase(phase(values));
    expected = expected + w / ((values - start).square() + 0.2);
    anchor = values.clone();
    expect_close(si->save().at("importance"), expected, 1e-12);
    EXPECT_EQ(hash_tensor(si->save().at("anchor")), hash_tensor(anchor));
    EXPECT_EQ(si->save().size(), 2U);  // the path is used up
  }
  EXPECT_LT(expected.min().item<double>(), 0);  // as the formula has it for a random walk
}

TEST_F(Path, AddsUpToTheFallOfTheLoss) {
  // Gradient descent in small steps on sum a/2 w^2: what all weights contribute is what the loss has lost.
  const auto si = make("synaptic_intelligence");
  const at::Tensor curvature = normal({table_.total()}, "curvature").abs();
  const auto loss = [&](const at::Tensor& w) {
    return (0.5 * curvature * w.square() * mask(some_)).sum().item<double>();
  };
  at::Tensor values = base_.clone();
  si->begin_phase(phase(values), false);
  for (int i = 0; i < 200; ++i) {
    const at::Tensor gradient = curvature * values;
    (void)step(*si, values, gradient, -0.005 * gradient, i);
  }
  const double fall = loss(base_) - loss(values);
  EXPECT_GT(fall, 0.3 * loss(base_));
  EXPECT_NEAR(si->save().at("path").sum().item<double>(), fall, 0.02 * fall);
  EXPECT_EQ((si->save().at("path") * (1 - mask(some_))).abs().max().item<double>(), 0);
}

TEST_F(Path, Nonnegative) {
  const auto si = make("synaptic_intelligence", "nonnegative = true");
  at::Tensor values = base_.clone();
  si->begin_phase(phase(values), false);
  const at::Tensor w = step(*si, values, normal({table_.total()}, "task"), normal({table_.total()}, "move", 0.1), 0);
  si->end_phase(phase(values));
  expect_close(si->save().at("importance"), w.clamp_min(0) / ((values - base_).square() + 0.1), 1e-12);
}

TEST_F(Path, StateWithinAPhase) {
  const auto straight = make("synaptic_intelligence"), first = make("synaptic_intelligence"),
             second = make("synaptic_intelligence");
  const at::Tensor task = normal({table_.total()}, "task"), move = normal({table_.total()}, "move", 0.1);
  at::Tensor a = base_.clone(), b = base_.clone();
  straight->begin_phase(phase(a), false);
  first->begin_phase(phase(b), false);
  (void)step(*straight, a, task, move, 0);
  (void)step(*first, b, task, move, 0);
  PluginState state;
  for (const auto& [name, tensor] : first->save()) state[name] = tensor.clone();
  EXPECT_EQ(state.size(), 2U);
  second->load(state);
  second->begin_phase(phase(b), true);
  (void)step(*straight, a, move, task, 1);
  (void)step(*second, b, move, task, 1);
  straight->end_phase(phase(a));
  second->end_phase(phase(b));
  EXPECT_TRUE(same_state(straight->save(), second->save()));
  const auto nothing = make("synaptic_intelligence");
  EXPECT_EQ(error_of([&] { nothing->begin_phase(phase(base_), true); }).kind(), ErrorKind::checkpoint);
}

TEST_F(Path, WiseFtAverages) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const at::Tensor values = moved_.to(type), before = values.clone(), gradients = at::zeros_like(values);
    snapshots_.weights["base"] = base_.to(type);
    const auto wise = make("wise_ft", "pull = 0.3");
    wise->begin_phase(phase(values), false);
    EXPECT_EQ(wise->add_gradient(at_step(values, gradients, some_)), 0.0);
    EXPECT_EQ(gradients.abs().max().item<double>(), 0);
    const at::Tensor mixed = wise->replace_weights(at_step(values, gradients, some_)).value();
    EXPECT_EQ(hash_tensor(values), hash_tensor(before));
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const at::Tensor ours = table_.view(mixed, i), mine = table_.view(values, i);
      if (!some_[i]) {
        EXPECT_EQ(hash_tensor(ours), hash_tensor(mine)) << table_[i].name;
        continue;
      }
      const at::Tensor expected = 0.3 * table_.view(base_, i) + 0.7 * table_.view(moved_, i);
      EXPECT_LT((ours.to(at::kDouble) - expected).abs().max().item<double>(), type == at::kDouble ? 1e-14 : 1e-6)
          << table_[i].name;
    }
    // single elements that do not train keep their bits too
    const std::size_t part = static_cast<std::size_t>(std::find(some_.begin(), some_.end(), true) - some_.begin());
    const at::Tensor mask =
        at::arange(table_[part].count, at::kLong).remainder(3).eq(0).to(at::kByte).view(table_[part].shape);
    const ElementMasks masks = {{part, mask}};
    for (const char* pull : {"pull = 0.3", "pull = 1"}) {
      const at::Tensor kept = make("wise_ft", pull)
                                  ->replace_weights({table_, values, gradients, some_, snapshots_, store_, 0, masks})
                                  .value();
      const at::Tensor whole = make("wise_ft", pull)->replace_weights(at_step(values, gradients, some_)).value();
      EXPECT_TRUE(
          table_.view(kept, part).equal(at::where(mask.eq(1), table_.view(whole, part), table_.view(values, part))));
      EXPECT_FALSE(kept.equal(whole));
    }
    // equal weights keep their bits; all of the pull is the snapshot
    EXPECT_EQ(hash_tensor(wise->replace_weights(at_step(snapshots_.weights["base"], gradients, all_)).value()),
              hash_tensor(snapshots_.weights["base"]));
    EXPECT_EQ(hash_tensor(make("wise_ft", "pull = 1")->replace_weights(at_step(values, gradients, all_)).value()),
              hash_tensor(snapshots_.weights["base"]));
    EXPECT_FALSE(make("wise_ft", "pull = 0")->replace_weights(at_step(values, gradients, all_)).has_value());
  }
  EXPECT_TRUE(has(error_of([&] { (void)make("wise_ft", "pull = 1.5"); }), "pull"));
  const auto lost = make("wise_ft", "reference = \"no such phase\"");
  EXPECT_TRUE(has(error_of([&] { lost->begin_phase(phase(base_), false); }), "no such phase"));
}

}  // namespace
}  // namespace stet::testing
