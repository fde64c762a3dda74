// Penalties on weights and walks over them, on the table of a small model: against the formulae over whole vectors.
#include "linear_examples.hpp"

#include <stet/model/transformer.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/state.hpp>
#include <stet/sdk/weight_walk.hpp>

#include <gtest/gtest.h>
#include <error_of.hpp>

#include <cmath>

namespace stet {
namespace {

using testing::error_of;
using testing::LinearExamples;
using testing::normal_numbers;

ModelConfig two_layers() {
  ModelConfig config;
  config.vocabulary = 11;
  config.width = 8;
  config.layers = 2;
  config.heads = 2;
  config.feed_forward = 12;
  config.context = 16;
  return config;
}

/// A snapshot for every name, "missing" excepted.
class OneSnapshot final : public Snapshots {
 public:
  explicit OneSnapshot(at::Tensor weights) : weights_(std::move(weights)) {}
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    if (name == "missing") throw Error(ErrorKind::config, "there is no snapshot 'missing'");
    return weights_;
  }

 private:
  at::Tensor weights_;
};

class WeightTools : public ::testing::Test {
 protected:
  WeightTools() {
    for (std::size_t i = 0; i < table().size(); ++i) {
      trains_.push_back(i % 3 != 1);
      table().view(mask_, i).fill_(trains_[i] ? 1 : 0);
    }
  }
  [[nodiscard]] const ParameterTable& table() const { return model_.table(); }
  [[nodiscard]] at::Tensor flat(std::string_view purpose) const { return normal_numbers({table().total()}, purpose); }
  [[nodiscard]] WeightContext step(const at::Tensor& values, const at::Tensor& gradients) const {
    return {table(), values, gradients, trains_, snapshots_, examples_};
  }
  [[nodiscard]] PhaseContext phase() const { return {"main", model_, weights_, snapshots_, examples_}; }
  /// What the penalty adds to the gradient, and its value.
  template <class Add>
  std::pair<double, at::Tensor> added(const at::Tensor& values, Add&& add) const {
    const at::Tensor gradients = at::zeros_like(values);
    const double value = add(step(values, gradients));
    return {value, gradients};
  }
  static double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

  const Transformer model_{two_layers()};
  std::vector<bool> trains_;
  const at::Tensor mask_ = at::zeros({model_.table().total()}, at::kDouble);
  const at::Tensor weights_ = flat("weights"), reference_ = flat("reference"), importance_ = flat("F").square();
  const OneSnapshot snapshots_{reference_};
  const LinearExamples examples_;
};

TEST_F(WeightTools, QuadraticPenalty) {
  for (const bool weighted : {false, true}) {
    const at::Tensor f = weighted ? importance_ : at::Tensor();
    const auto [value, gradient] =
        added(weights_, [&](const WeightContext& c) { return add_quadratic(c, reference_, f, 0.3); });
    const at::Tensor pull = mask_ * (weighted ? importance_ : at::ones_like(mask_)) * (weights_ - reference_);
    EXPECT_LT(distance(gradient, 0.3 * pull), 1e-14);
    EXPECT_NEAR(value, 0.15 * (pull * (weights_ - reference_)).sum().item<double>(), 1e-10);
  }
  // The gradient is the value's derivative.
  const at::Tensor direction = flat("direction") * mask_;
  const auto value_at = [&](double h) {
    return added(weights_ + h * direction,
                 [&](const WeightContext& c) { return add_quadratic(c, reference_, importance_, 0.3); });
  };
  EXPECT_NEAR((value_at(1e-4).first - value_at(-1e-4).first) / 2e-4, value_at(0).second.dot(direction).item<double>(),
              1e-6);
}

TEST_F(WeightTools, PenaltyThroughItsHooks) {
  int measured = 0;
  const auto importance = [&](const at::Tensor& anchor) {
    ++measured;
    EXPECT_TRUE(anchor.equal(reference_) || anchor.equal(weights_));
    return importance_;
  };
  const at::Tensor later = weights_ + flat("moved");
  for (const std::optional<std::string>& reference :
       {std::optional<std::string>(), std::optional<std::string>("base")}) {
    const at::Tensor& anchor = reference ? reference_ : weights_;
    for (const bool normalize : {false, true}) {
      AnchoredPenalty penalty("regularizer.mine", {0.3, normalize, reference});
      EXPECT_TRUE(penalty.empty());
      const auto add = [&](const WeightContext& c) { return penalty.add_gradient(c); };
      EXPECT_EQ(added(later, add).first, 0);
      penalty.begin_phase(phase(), false, importance);
      const double mean = normalize ? ((importance_ * mask_).sum() / mask_.sum()).item<double>() : 1;
      const auto [value, gradient] = added(later, add);
      EXPECT_LT(distance(gradient, 0.3 / mean * mask_ * importance_ * (later - anchor)), 1e-13);
      EXPECT_GT(value, 0);
      // Saved, and found again: nothing is measured anew.
      const int before = measured;
      AnchoredPenalty resumed("regularizer.mine", {0.3, normalize, reference});
      resumed.load(penalty.save());
      EXPECT_EQ(penalty.save().count("anchor"), reference ? 0U : 1U);
      resumed.begin_phase(phase(), true, importance);
      EXPECT_EQ(measured, before);
      const auto again = added(later, [&](const WeightContext& c) { return resumed.add_gradient(c); });
      EXPECT_EQ(again.first, value);
      EXPECT_TRUE(again.second.equal(gradient));
      // The mean follows what is set.
      penalty.set(2 * importance_, anchor);
      EXPECT_NEAR(added(later, add).first, normalize ? value : 2 * value, 1e-9 * value);
    }
  }
}

/// F is 1 everywhere.
class EvenPull final : public AnchoredRegularizer {
 public:
  EvenPull() : AnchoredRegularizer("regularizer.even", {0.3}) {}
  void begin_phase(const PhaseContext& context, bool resumed) override {
    penalty_.begin_phase(context, resumed, [](const at::Tensor& anchor) { return at::ones_like(anchor); });
  }
};

TEST_F(WeightTools, FrameOfAPenalty) {
  EvenPull pull, resumed;
  EXPECT_EQ(pull.site(), Site::weights);
  pull.begin_phase(phase(), false);
  resumed.load(pull.save());
  resumed.begin_phase(phase(), true);
  for (EvenPull* one : {&pull, &resumed}) {
    const auto [value, gradient] = added(reference_, [&](const WeightContext& c) { return one->add_gradient(c); });
    const auto plain = added(reference_, [&](const WeightContext& c) { return add_quadratic(c, weights_, {}, 0.3); });
    EXPECT_EQ(value, plain.first);
    EXPECT_TRUE(gradient.equal(plain.second));
    EXPECT_GT(value, 0);
  }
}

TEST_F(WeightTools, PenaltyThatIsOffOrDoesNotFit) {
  AnchoredPenalty off("regularizer.mine", {0, true, "missing"});
  off.begin_phase(phase(), false, [](const at::Tensor&) -> at::Tensor { throw std::logic_error("not measured"); });
  EXPECT_EQ(added(weights_, [&](const WeightContext& c) { return off.add_gradient(c); }).first, 0);
  EXPECT_TRUE(off.save().empty());

  AnchoredPenalty lost("regularizer.mine", {1, true, "missing"});
  EXPECT_EQ(error_of([&] { lost.begin_phase(phase(), false, {}); }).kind(), ErrorKind::config);
  for (const PluginState& state : {PluginState{{"importance", at::ones({3}, at::kDouble)}, {"anchor", weights_}},
                                   PluginState{{"importance", importance_.to(at::kFloat)}, {"anchor", weights_}},
                                   PluginState{{"importance", importance_}}}) {
    AnchoredPenalty misfit("regularizer.mine", {1});
    misfit.load(state);
    const Error error = error_of([&] { misfit.require_fit(weights_); });
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    EXPECT_NE(std::string(error.what()).find("regularizer.mine"), std::string::npos);
  }
}

TEST_F(WeightTools, WalksAndProducts) {
  std::vector<std::string> seen, expected;
  for_each_trained(step(weights_, weights_), [&](std::size_t i, const ParameterInfo& parameter) {
    EXPECT_EQ(table()[i].name, parameter.name);
    seen.push_back(parameter.name);
  });
  for (std::size_t i = 0; i < table().size(); ++i) {
    if (trains_[i]) expected.push_back(table()[i].name);
  }
  EXPECT_EQ(seen, expected);
  const WeightContext context = step(weights_, weights_);
  EXPECT_NEAR(trainable_norm(context, weights_), (weights_ * mask_).norm().item<double>(), 1e-12);
  EXPECT_NEAR(trainable_norm(context, weights_, reference_), ((weights_ - reference_) * mask_).norm().item<double>(),
              1e-12);

  const ProductsByParameter products = products_by_parameter(table(), weights_, reference_);
  EXPECT_NEAR(products.all.ab, weights_.dot(reference_).item<double>(), 1e-11);
  EXPECT_NEAR(products.all.cosine(), at::cosine_similarity(weights_, reference_, 0).item<double>(), 1e-12);
  const auto part = [&](const std::function<bool(const ParameterInfo&)>& belongs) {
    std::vector<at::Tensor> a, b;
    for (std::size_t i = 0; i < table().size(); ++i) {
      if (!belongs(table()[i])) continue;
      a.push_back(table().view(weights_, i).flatten());
      b.push_back(table().view(reference_, i).flatten());
    }
    return at::cosine_similarity(at::cat(a), at::cat(b), 0).item<double>();
  };
  EXPECT_EQ(products.by_layer.size(), 2U);
  for (const auto& [layer, of_layer] : products.by_layer) {
    EXPECT_NEAR(of_layer.cosine(), part([&, l = layer](const ParameterInfo& p) { return p.layer == l - 1; }), 1e-12);
  }
  for (const auto& [role, of_role] : products.by_role) {
    EXPECT_NEAR(of_role.cosine(), part([&, r = role](const ParameterInfo& p) { return p.role == r; }), 1e-12);
  }
  EXPECT_EQ(InnerProducts{}.cosine(), 0);
}

TEST_F(WeightTools, State) {
  const PluginState state = state_of({{"a", weights_}, {"b", at::Tensor()}});
  EXPECT_EQ(state.size(), 1U);
  EXPECT_TRUE(tensor_of(state, "a").is_same(weights_));
  EXPECT_FALSE(tensor_of(state, "b").defined());
  require_fit(weights_, reference_, "regularizer.mine", "a");
  EXPECT_EQ(error_of([&] { require_fit({}, weights_, "regularizer.mine", "a"); }).kind(), ErrorKind::checkpoint);
}

}  // namespace
}  // namespace stet
