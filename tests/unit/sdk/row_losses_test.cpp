// Losses of rows with gradients from one pass: against autograd over the formula, in float64.
#include "linear_examples.hpp"

#include <stet/sdk/row_losses.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

using testing::normal_numbers;

class RowLosses : public ::testing::Test {
 protected:
  static constexpr std::int64_t rows = 4, classes = 6;

  /// Value, and gradient by the logits.
  using Loss = std::function<at::Tensor(const at::Tensor& logits)>;
  std::pair<double, at::Tensor> of(const Loss& loss) const {
    const at::Tensor leaf = logits_.detach().clone().requires_grad_(true);
    const at::Tensor value = loss(leaf);
    value.backward();
    return {value.item<double>(), leaf.grad()};
  }
  void expect_same(const Loss& loss, const Loss& formula) const {
    const auto [value, gradient] = of(loss);
    const auto [value2, gradient2] = of(formula);
    EXPECT_NEAR(value, value2, 1e-13);
    EXPECT_LT((gradient - gradient2).abs().max().item<double>(), 1e-13);
    EXPECT_GT(gradient2.abs().max().item<double>(), 1e-3);
  }

  const at::Tensor logits_ = normal_numbers({rows, classes}, "student"),
                   teacher_ = normal_numbers({rows, classes}, "teacher logits"),
                   weights_ = at::tensor(std::vector<double>{0.5, 0, 1, 2});
};

TEST_F(RowLosses, DistillationInBothDirections) {
  const double tau = 0.7;
  const auto kl = [&](const at::Tensor& a, const at::Tensor& b) {  // KL(a || b) of log probabilities
    return tau * tau * (weights_ * (a.exp() * (a - b)).sum(1)).sum();
  };
  const at::Tensor p = at::log_softmax(teacher_ / tau, 1);
  expect_same([&](const at::Tensor& z) { return distillation_loss(z, teacher_, weights_, tau); },
              [&](const at::Tensor& z) { return kl(p, at::log_softmax(z / tau, 1)); });
  expect_same([&](const at::Tensor& z) { return distillation_loss(z, teacher_, weights_, tau, KlDirection::reverse); },
              [&](const at::Tensor& z) { return kl(at::log_softmax(z / tau, 1), p); });
}

TEST_F(RowLosses, CrossEntropy) {
  const at::Tensor targets = at::tensor(std::vector<std::int64_t>{5, 1, 0, 3});
  expect_same([&](const at::Tensor& z) { return cross_entropy_loss(z, targets, weights_); },
              [&](const at::Tensor& z) {
                return -(weights_ * at::log_softmax(z, 1).gather(1, targets.unsqueeze(1)).squeeze(1)).sum();
              });
}

/// What comes from above is multiplied in; rows of float give a sum in float64; strided logits are read as they are.
TEST_F(RowLosses, BehindOtherOperations) {
  expect_same([&](const at::Tensor& z) { return 3 * distillation_loss(z.t().contiguous().t(), teacher_, weights_, 1); },
              [&](const at::Tensor& z) { return distillation_loss(z, teacher_, 3 * weights_, 1); });
  const at::Tensor loss =
      distillation_loss(logits_.to(at::kFloat), teacher_.to(at::kFloat), weights_.to(at::kFloat), 1);
  EXPECT_EQ(loss.scalar_type(), at::kDouble);
  EXPECT_NEAR(loss.item<double>(), distillation_loss(logits_, teacher_, weights_, 1).item<double>(), 1e-6);
}

TEST_F(RowLosses, KnownGradientAndNoTerm) {
  const auto [value, gradient] = of([&](const at::Tensor& z) { return 2 * known_gradient(z, 7, teacher_); });
  EXPECT_EQ(value, 14);
  EXPECT_TRUE(gradient.equal(2 * teacher_));
  EXPECT_EQ(no_term().item<double>(), 0);
  EXPECT_FALSE(no_term().requires_grad());
}

}  // namespace
}  // namespace stet
