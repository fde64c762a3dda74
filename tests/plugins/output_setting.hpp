// What the tests of output regularizers share: a batch of five rows of two sequences, one known and one unknown.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <cmath>

namespace stet::testing {

/// Sets of examples that have a size and nothing else.
class SizedExamples final : public Examples {
 public:
  [[nodiscard]] std::vector<std::string> sets() const override { return {"known", "unknown", "held", "neutral"}; }
  [[nodiscard]] std::int64_t size(const std::string& set) const override {
    for (const std::string& name : sets()) {
      if (name == set) return 6;
    }
    throw Error(ErrorKind::config, "there is no set of examples '" + set + "'");
  }
  [[nodiscard]] at::Tensor sum_gradients(
      const ExampleRange&, const at::Tensor&, const LogitGradients&,
      const std::function<void(const at::Tensor&, std::size_t, at::Tensor&)>&) const override {
    throw std::logic_error("not for these plugins");
  }
  [[nodiscard]] at::Tensor map_gradients(const ExampleRange&, const at::Tensor&, const LogitGradients&,
                                         const std::function<std::vector<double>(const at::Tensor&)>&) const override {
    throw std::logic_error("not for these plugins");
  }
  void for_each(const ExampleRange&, const at::Tensor&, const std::function<void(const ExampleRows&)>&) const override {
    throw std::logic_error("not for these plugins");
  }
};

class OutputTest : public PluginTest {
 protected:
  static constexpr std::int64_t P = 5, V = 7;

  std::unique_ptr<Regularizer> make(const std::string& name, const std::string& text) {
    return registry_.regularizer(name).create(toml(text));
  }

  /// Row 2 is outside the scope. Rows 0..2 are of a known fact, 3 and 4 of an unknown one.
  OutputContext context(const at::Tensor& student) {
    OutputContext result;
    result.logits = student.detach().clone().requires_grad_(true);
    result.hidden = normal({P, 3}, "hidden").to(student.scalar_type());
    result.targets = targets_;
    result.row_weights = weights_.to(student.scalar_type());
    result.task_weights = task_weights_.to(student.scalar_type());
    result.sequence_of = sequence_of_;
    result.examples = examples_;
    result.set_of = set_of_;
    result.sets = names_;
    result.snapshot_logits = [this, student](const std::string& name) {
      asked_.push_back(name);
      return teacher_.to(student.scalar_type());
    };
    result.logits_under = [this, student](const at::Tensor& weights) {
      under_.push_back(weights.clone());
      return teacher_.to(student.scalar_type());
    };
    return result;
  }

  double value(Regularizer& regularizer, const at::Tensor& student) {
    return regularizer.output_loss(context(student)).item<double>();
  }

  at::Tensor gradient(Regularizer& regularizer, const at::Tensor& student) {
    OutputContext c = context(student);
    const at::Tensor loss = regularizer.output_loss(c);
    if (loss.requires_grad()) loss.backward();
    return c.logits.grad().defined() ? c.logits.grad() : at::zeros_like(student);
  }

  /// Central differences in float64 of `of` by every logit.
  static at::Tensor differences(const at::Tensor& logits, const std::function<double(const at::Tensor&)>& of) {
    constexpr double step = 1e-5;
    at::Tensor result = at::empty_like(logits);
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
      at::Tensor up = logits.clone(), down = logits.clone();
      up.data_ptr<double>()[i] += step;
      down.data_ptr<double>()[i] -= step;
      result.data_ptr<double>()[i] = (of(up) - of(down)) / (2 * step);
    }
    return result;
  }
  at::Tensor differences(Regularizer& regularizer, const at::Tensor& logits) {
    return differences(logits, [&](const at::Tensor& z) { return value(regularizer, z); });
  }

  /// The weighted cross-entropy of the rows, by itself.
  [[nodiscard]] double cross_entropy(const at::Tensor& logits, const at::Tensor& weights) const {
    const at::Tensor losses = -at::log_softmax(logits, 1).gather(1, targets_.unsqueeze(1)).squeeze(1);
    return (weights * losses).sum().item<double>();
  }
  [[nodiscard]] double cross_entropy(const at::Tensor& logits) const { return cross_entropy(logits, weights_); }
  [[nodiscard]] at::Tensor one_hot() const {
    return at::zeros({P, V}, at::kDouble).scatter_(1, targets_.unsqueeze(1), 1.0);
  }

  static double largest(const at::Tensor& t) { return t.abs().max().item<double>(); }

  const at::Tensor student_ = normal({P, V}, "student", 1.5), teacher_ = normal({P, V}, "teacher", 1.5);
  const at::Tensor targets_ = at::tensor(std::vector<std::int64_t>{3, 0, 6, 1, 1});
  const at::Tensor weights_ = at::tensor(std::vector<double>{0.25, 0.25, 0.0, 0.3, 0.2});
  at::Tensor task_weights_ = at::tensor(std::vector<double>{0.25, 0.25, 0.0, 0.25, 0.25});  // a mean over tokens
  const std::vector<std::int32_t> sequence_of_ = {0, 0, 0, 1, 1}, set_of_ = {0, 1};
  const std::vector<std::uint64_t> examples_ = {4, 9};
  const std::vector<std::string> names_ = {"known", "unknown", "held", "neutral"};
  std::vector<std::string> asked_;
  std::vector<at::Tensor> under_;
};

}  // namespace stet::testing
