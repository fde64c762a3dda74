// l2_sp: the penalty and its gradient; a strength that is matched to self-distillation.
#include "measuring.hpp"

#include <algorithm>

namespace stet::testing {
namespace {

class L2Sp : public PluginTest {
 protected:
  std::unique_ptr<Regularizer> make(const std::string& text) {
    return registry_.regularizer("l2_sp").create(toml(text));
  }

  const Transformer model_{small_config()};
  const NoExamples none_;
  const ParameterTable& table_ = model_.table();
};

TEST_F(L2Sp, GradientAndValueInBothTypes) {
  const double alpha = 0.3;
  const auto regularizer = make("strength = 0.3\nreference = \"format\"");
  EXPECT_EQ(regularizer->site(), Site::weights);
  std::vector<bool> trains(table_.size(), true);
  for (std::size_t i = 0; i < table_.size(); i += 3) trains[i] = false;
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    MapSnapshots snapshots;
    snapshots.weights["format"] = normal({table_.total()}, "reference").to(type);
    const at::Tensor values = normal({table_.total()}, "values").to(type);
    const at::Tensor before = normal({table_.total()}, "gradient").to(type);
    const at::Tensor gradients = before.clone();
    const double value = regularizer->add_gradient({table_, values, gradients, trains, snapshots, none_});
    double expected = 0;
    const double tolerance = type == at::kDouble ? 1e-14 : 1e-6;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const at::Tensor now = table_.view(gradients, i), then = table_.view(before, i);
      if (!trains[i]) {
        EXPECT_TRUE(now.equal(then)) << table_[i].name;
        continue;
      }
      const at::Tensor difference = table_.view(values, i) - table_.view(snapshots.weights["format"], i);
      EXPECT_LT((now - then - alpha * difference).abs().max().item<double>(), tolerance) << table_[i].name;
      expected += 0.5 * alpha * difference.to(at::kDouble).pow(2).sum().item<double>();
    }
    EXPECT_NEAR(value, expected, expected * tolerance);
  }
}

TEST_F(L2Sp, FiniteDifferences) {
  const auto regularizer = make("strength = 1.7");
  const std::vector<bool> trains(table_.size(), true);
  MapSnapshots snapshots;
  snapshots.weights["base"] = normal({table_.total()}, "reference");
  const at::Tensor values = normal({table_.total()}, "values");
  const at::Tensor gradients = at::zeros({table_.total()}, at::kDouble);
  const auto value_at = [&](const at::Tensor& at_values) {
    return regularizer->add_gradient(
        {table_, at_values, at::zeros({table_.total()}, at::kDouble), trains, snapshots, none_});
  };
  (void)regularizer->add_gradient({table_, values, gradients, trains, snapshots, none_});
  for (std::int64_t i = 0; i < table_.total(); i += 37) {
    at::Tensor up = values.clone(), down = values.clone();
    up.data_ptr<double>()[i] += 1e-4;
    down.data_ptr<double>()[i] -= 1e-4;
    EXPECT_NEAR(gradients.data_ptr<double>()[i], (value_at(up) - value_at(down)) / 2e-4, 1e-6);
  }
}

TEST_F(L2Sp, StrengthZeroAndEqualWeightsChangeNothing) {
  const std::vector<bool> trains(table_.size(), true);
  MapSnapshots snapshots;
  const at::Tensor values = normal({table_.total()}, "values");
  const at::Tensor gradients = at::full({table_.total()}, -0.0, at::kDouble);  // even the sign of zero
  EXPECT_EQ(make("strength = 0")->add_gradient({table_, values, gradients, trains, snapshots, none_}), 0.0);
  EXPECT_TRUE(gradients.signbit().all().item<bool>());
  snapshots.weights["base"] = values.clone();
  EXPECT_EQ(make("strength = 5")->add_gradient({table_, values, gradients, trains, snapshots, none_}), 0.0);
  EXPECT_EQ(gradients.abs().max().item<double>(), 0.0);
}

TEST_F(L2Sp, Refuses) {
  EXPECT_TRUE(has(error_of([&] { (void)make("refrence = \"base\""); }), "did you mean 'reference'?"));
  EXPECT_TRUE(has(error_of([&] { (void)make("strength = -0.1"); }), "strength"));
  const std::vector<bool> trains(table_.size(), true);
  const MapSnapshots snapshots;
  const at::Tensor values = normal({table_.total()}, "values");
  const auto regularizer = make("reference = \"no such phase\"");
  EXPECT_TRUE(has(error_of([&] {
                    (void)regularizer->add_gradient({table_, values, values.clone(), trains, snapshots, none_});
                  }),
                  "no such phase"));
}

class Matched : public MeasuringTest {
 protected:
  Matched() {
    snapshots_.weights["teacher"] = base_ + normal({table_.total()}, "teacher", 0.2);
    snapshots_.weights["reference"] = base_ + normal({table_.total()}, "reference", 0.05);
  }
  static constexpr const char* parameters =
      "strength = 0.25\nmatch = \"self_distillation\"\nmatch_every = 3\nmatch_examples = 2\nmatch_teacher = "
      "\"teacher\"\n"
      "reference = \"reference\"\nmatch_temperature = 0.8\nmatch_lambda = 1.5";

  /// The norm, over what trains, of the gradient of the self-distillation term: two examples of each set.
  double wanted(const at::Tensor& weights, const std::vector<bool>& trains) const {
    const double tau = 0.8, lambda = 1.5;
    std::vector<TokenSequence> examples = sequences("known", 2);
    for (TokenSequence& sequence : sequences("unknown", 2)) examples.push_back(std::move(sequence));
    const at::Tensor gradient = derivative(weights, [&](const at::Tensor& w) {
      at::Tensor sum = at::zeros({}, at::kDouble);
      for (const TokenSequence& sequence : examples) {
        const at::Tensor p = at::log_softmax(logits(snapshots_.get("teacher"), sequence) / tau, 1);
        const at::Tensor q = at::log_softmax(logits(w, sequence) / tau, 1);
        sum += lambda * tau * tau * (p.exp() * (p - q)).sum(1).mean() / static_cast<double>(examples.size());
      }
      return sum;
    });
    return (gradient * mask(trains)).norm().item<double>();
  }
  static double strength(const Regularizer& regularizer) { return regularizer.save().at("strength").item<double>(); }
  void stepped(Regularizer& regularizer, const at::Tensor& values, std::int64_t step) const {
    regularizer.after_step(at_step(values, at::zeros_like(values), some_, step));
  }
};

TEST_F(Matched, GradientIsAsLongAsThatOfSelfDistillation) {
  const auto l2 = make("l2_sp", parameters);
  l2->begin_phase(phase(base_), false);
  const at::Tensor difference = (moved_ - snapshots_.get("reference")) * mask(some_);
  expect_close(added(*l2, moved_, some_), 0.25 * difference, 1e-12);  // before the first match
  stepped(*l2, moved_, 0);
  const double expected = wanted(moved_, some_), matched = strength(*l2);
  double value = 0;
  EXPECT_NEAR(added(*l2, moved_, some_, &value).norm().item<double>(), expected, 1e-6 * expected);
  EXPECT_NEAR(value, 0.5 * matched * difference.square().sum().item<double>(), 1e-12 * value);
  EXPECT_GT(std::abs(matched - 0.25), 1e-3);
  expect_finite_differences(*l2, moved_, some_);  // the strength is fixed within a step

  const at::Tensor later = moved_ + normal({table_.total()}, "later", 0.1);
  stepped(*l2, later, 1);
  EXPECT_EQ(strength(*l2), matched);
  stepped(*l2, later, 2);  // three steps are done
  const double then = wanted(later, some_);
  EXPECT_NEAR(added(*l2, later, some_).norm().item<double>(), then, 1e-6 * then);
  EXPECT_NE(strength(*l2), matched);
}

TEST_F(Matched, KeepsItsStrengthWhereNoneIsDefined) {
  const auto l2 = make("l2_sp", parameters);
  l2->begin_phase(phase(base_), false);
  stepped(*l2, snapshots_.get("reference"), 0);
  EXPECT_EQ(strength(*l2), 0.25);
  stepped(*l2, snapshots_.get("teacher"), 2);  // the term's gradient is 0
  EXPECT_EQ(strength(*l2), 0.25);
  stepped(*l2, moved_, 5);
  EXPECT_NE(strength(*l2), 0.25);
  l2->begin_phase(phase(base_, "next"), false);
  EXPECT_EQ(strength(*l2), 0.25);
}

TEST_F(Matched, State) {
  const auto first = make("l2_sp", parameters), second = make("l2_sp", parameters);
  first->begin_phase(phase(base_), false);
  stepped(*first, moved_, 0);
  second->load(first->save());
  second->begin_phase(phase(moved_), true);
  EXPECT_EQ(strength(*second), strength(*first));
  EXPECT_EQ(hash_tensor(added(*first, moved_, some_)), hash_tensor(added(*second, moved_, some_)));
}

TEST_F(Matched, OffAndRefusals) {
  const auto off =
      make("l2_sp", std::string("strength = 0\nmatch = \"self_distillation\"\nmatch_teacher = \"nobody\""));
  off->begin_phase(phase(base_), false);
  stepped(*off, moved_, 0);
  EXPECT_TRUE(off->save().empty());
  EXPECT_TRUE(make("l2_sp", "strength = 1")->save().empty());
  const auto lost = make("l2_sp", "match = \"self_distillation\"\nmatch_teacher = \"nobody\"");
  EXPECT_TRUE(has(error_of([&] { lost->begin_phase(phase(base_), false); }), "nobody"));
  EXPECT_TRUE(has(error_of([&] { (void)make("l2_sp", "match_every = 0"); }), "match_every"));
  EXPECT_TRUE(has(error_of([&] { (void)make("l2_sp", "match = \"distillation\""); }), "self_distillation"));
}

}  // namespace
}  // namespace stet::testing
