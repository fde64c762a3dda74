// What plugins sum over examples, on a linear model: against autograd and sums written out.
#include "linear_examples.hpp"

#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/fisher.hpp>

#include <gtest/gtest.h>
#include <error_of.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::LinearExamples;
using testing::normal_numbers;

class ExampleTools : public ::testing::Test {
 protected:
  ExampleTools() {
    examples_.add("known", {2, 1, 3, 2, 1});
    examples_.add("unknown", {1, 3});
  }
  /// The gradient of a scalar of the weights.
  static at::Tensor derivative(const at::Tensor& weights,
                               const std::function<at::Tensor(const at::Tensor& weights)>& scalar) {
    const at::Tensor leaf = weights.detach().clone().requires_grad_(true);
    scalar(leaf).backward();
    return leaf.grad();
  }
  static double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

  static constexpr std::int64_t V = LinearExamples::vocabulary, d = LinearExamples::width;
  LinearExamples examples_;
  const at::Tensor weights_ = normal_numbers({V * d}, "weights"), teacher_ = normal_numbers({V * d}, "teacher");
};

TEST_F(ExampleTools, DistillationAndCrossEntropyAreDerivatives) {
  const double tau = 0.6, lambda = 1.7;
  const GradientSum distilled =
      sum_over_sets(examples_, {"known", "unknown"}, 4, 3, weights_,
                    [&](const ExampleRows& rows) { return distillation_gradient(rows, teacher_, tau, lambda); });
  EXPECT_EQ(distilled.examples, 6);  // 4 of 5, and both
  const GradientSum crossed = sum_over_sets(examples_, {"known", "unknown"}, 4, 2, weights_, cross_entropy_gradient);
  const auto over_examples = [&](const auto& term) {
    return derivative(weights_, [&](const at::Tensor& w) {
      at::Tensor sum = at::zeros({}, at::kDouble);
      for (const char* set : {"known", "unknown"}) {
        for (std::size_t i = 0; i < std::min<std::size_t>(4, examples_.examples.at(set).size()); ++i) {
          sum = sum + term(examples_.examples.at(set)[i], w);
        }
      }
      return sum;
    });
  };
  const at::Tensor kl = over_examples([&](const LinearExamples::Example& example, const at::Tensor& w) {
    const at::Tensor p = at::log_softmax(LinearExamples::logits(example, teacher_) / tau, 1),
                     q = at::log_softmax(LinearExamples::logits(example, w) / tau, 1);
    return lambda * tau * tau * (p.exp() * (p - q)).sum(1).mean();
  });
  EXPECT_LT(distance(distilled.sum, kl), 1e-13);
  EXPECT_GT(kl.abs().max().item<double>(), 0.1);
  const at::Tensor ce = over_examples([&](const LinearExamples::Example& example, const at::Tensor& w) {
    return at::cross_entropy_loss(LinearExamples::logits(example, w), example.targets);  // mean over rows
  });
  EXPECT_LT(distance(crossed.sum, ce), 1e-13);
}

TEST_F(ExampleTools, WeightsOfAMeanOverEachExample) {
  examples_.for_each({"known", 3, 3}, weights_, [](const ExampleRows& rows) {  // 2, 1 and 3 rows
    EXPECT_TRUE(weights_in_example(rows, 6.0).equal(at::tensor(std::vector<double>{3, 3, 6, 2, 2, 2})));
    EXPECT_TRUE(weights_in_example(rows).equal(at::tensor(std::vector<double>{.5, .5, 1, 1. / 3, 1. / 3, 1. / 3})));
  });
}

TEST_F(ExampleTools, SumsOfWhatGradientsGive) {
  const at::Tensor gradient = at::tensor(std::vector<double>{-2, 0, 3});
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    at::Tensor sum = at::ones({3}, at::kDouble);
    add_up(gradient.to(type), 0, sum);
    EXPECT_TRUE(sum.equal(at::tensor(std::vector<double>{-1, 1, 4})));
    add_magnitudes(gradient.to(type), 1, sum);
    EXPECT_TRUE(sum.equal(at::tensor(std::vector<double>{1, 1, 7})));
    add_squares(gradient.to(type), 0.5, sum);
    EXPECT_TRUE(sum.equal(at::tensor(std::vector<double>{3, 1, 11.5})));
  }
}

TEST_F(ExampleTools, FirstTokens) {
  std::vector<std::int64_t> expected;
  for (const LinearExamples::Example& example : examples_.examples.at("known")) {
    expected.push_back(LinearExamples::logits(example, weights_)[0].argmax().item<std::int64_t>());
  }
  EXPECT_EQ(first_tokens(examples_, "known", weights_), expected);
  EXPECT_NE(first_tokens(examples_, "known", teacher_), expected);
}

TEST_F(ExampleTools, CountsAndRefusals) {
  EXPECT_EQ(example_count(examples_, "known", 0), 5);
  EXPECT_EQ(example_count(examples_, "known", 3), 3);
  EXPECT_EQ(example_count(examples_, "known", 9), 5);
  EXPECT_EQ(error_of([&] { (void)example_count(examples_, "nobody", 0); }).kind(), ErrorKind::config);
  refuse_held("known", "regularizer.mine");
  const Error error = error_of([] { refuse_held("held", "regularizer.mine"); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_NE(std::string(error.what()).find("regularizer.mine.set"), std::string::npos);
}

/// Fisher information of the linear model, mean over examples of E[(d log p / dw)^2] with positions independent.
TEST_F(ExampleTools, FisherByItsDefinition) {
  at::Tensor exact = at::zeros({V * d}, at::kDouble), empirical = at::zeros({V * d}, at::kDouble);
  for (const LinearExamples::Example& example : examples_.examples.at("known")) {
    const auto log_p = [&](const at::Tensor& w) { return at::log_softmax(LinearExamples::logits(example, w), 1); };
    for (std::int64_t row = 0; row < example.hidden.size(0); ++row) {
      for (std::int64_t token = 0; token < V; ++token) {
        const at::Tensor score = derivative(weights_, [&](const at::Tensor& w) { return log_p(w)[row][token]; });
        exact += log_p(weights_)[row][token].exp() * score.square() / 5;
      }
    }
    empirical += derivative(weights_,
                            [&](const at::Tensor& w) { return log_p(w).gather(1, example.targets.unsqueeze(1)).sum(); })
                     .square() /
                 5;
  }
  FisherOptions options;
  options.fisher = FisherEstimator::exact;
  EXPECT_LT(distance(diagonal_fisher(options, examples_, weights_, V), exact), 1e-13);
  options.fisher = FisherEstimator::empirical;
  EXPECT_LT(distance(diagonal_fisher(options, examples_, weights_, V), empirical), 1e-13);
  options.fisher = FisherEstimator::batched;  // one example at a time it is the empirical one
  options.batch = 1;
  EXPECT_LT(distance(diagonal_fisher(options, examples_, weights_, V), empirical), 1e-13);
  options.fisher = FisherEstimator::sampled;
  options.samples = 20000;
  const at::Tensor sampled = diagonal_fisher(options, examples_, weights_, V);
  EXPECT_LT(((sampled - exact).abs() / (exact + 0.05)).max().item<double>(), 0.05);
}

}  // namespace
}  // namespace stet
