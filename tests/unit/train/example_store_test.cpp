// Examples as plugins see them: sums of gradients of single examples and of groups against finite differences and the
// trainer's own gradient, numbers read from gradients, logits, and what is refused.
#include "examples.hpp"

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace stet {
namespace {

using testing::error_of;

class ExampleStoreTest : public ::testing::Test {
 protected:
  ExampleStoreTest() { testing::fill(store_, &made_); }

  static std::vector<at::Tensor> cross_entropy(const ExampleRows& rows) { return {cross_entropy_gradient(rows)}; }
  static void add_square(const at::Tensor& gradient, std::size_t, at::Tensor& sum) { sum.addcmul_(gradient, gradient); }
  static void add_plain(const at::Tensor& gradient, std::size_t, at::Tensor& sum) { sum.add_(gradient); }

  [[nodiscard]] at::Tensor gradient_of(std::uint64_t index) const {
    return testing::trainer_gradient(model_, weights_, {testing::small_data().sequence(0, index)});
  }
  static double deviation(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
  }

  const Transformer model_{testing::small_model()};
  const at::Tensor weights_ = initial_values(model_.table(), model_.config(), 1, at::kDouble);
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  ExampleStore store_{model_, *alone_, 4};
  int made_ = 0;
};

TEST_F(ExampleStoreTest, SumOfGradientsByFiniteDifferences) {
  const at::Tensor sum = store_.sum_gradients({"first"}, weights_, cross_entropy, add_plain);
  ASSERT_EQ(sum.sizes(), weights_.sizes());
  const auto loss = [&](const at::Tensor& weights) {
    double total = 0;
    for (std::uint64_t i = 0; i < 7; ++i)
      total += testing::mean_loss(model_, weights, testing::small_data().sequence(0, i));
    return total;
  };
  Random random(5, "elements");
  constexpr double step = 1e-5;
  const double scale = sum.abs().max().item<double>();
  for (int k = 0; k < 40; ++k) {
    const auto i = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(weights_.numel())));
    at::Tensor up = weights_.clone(), down = weights_.clone();
    up.data_ptr<double>()[i] += step;
    down.data_ptr<double>()[i] -= step;
    EXPECT_NEAR(sum.data_ptr<double>()[i], (loss(up) - loss(down)) / (2 * step), 1e-7 * scale) << "element " << i;
  }
}

TEST_F(ExampleStoreTest, SquaresAreOfSingleExamples) {
  at::Tensor expected = at::zeros_like(weights_), whole = at::zeros_like(weights_);
  for (std::uint64_t i = 0; i < 7; ++i) {
    const at::Tensor gradient = gradient_of(i);
    expected.addcmul_(gradient, gradient);
    whole.add_(gradient);
  }
  const at::Tensor squares = store_.sum_gradients({"first"}, weights_, cross_entropy, add_square);
  EXPECT_LT(deviation(squares, expected), 1e-11);
  EXPECT_GT(deviation(whole * whole, expected), 0.1);  // the square of the sum is another thing
  EXPECT_LT(deviation(store_.sum_gradients({"first"}, weights_, cross_entropy, add_plain), whole), 1e-11);
}

TEST_F(ExampleStoreTest, LimitAndGroup) {
  at::Tensor expected = at::zeros_like(weights_);
  for (const auto& [begin, end] : {std::pair(0, 2), std::pair(2, 4), std::pair(4, 5)}) {  // the first 5, in twos
    at::Tensor group = at::zeros_like(weights_);
    for (int i = begin; i < end; ++i) group.add_(gradient_of(static_cast<std::uint64_t>(i)));
    expected.addcmul_(group, group);
  }
  EXPECT_LT(deviation(store_.sum_gradients({"first", 5, 2}, weights_, cross_entropy, add_square), expected), 1e-11);
  // A limit beyond the set's size is the set; a group larger than it is one group.
  const at::Tensor all = store_.sum_gradients({"first"}, weights_, cross_entropy, add_plain);
  EXPECT_TRUE(store_.sum_gradients({"first", 100, 1}, weights_, cross_entropy, add_plain).equal(all));
  EXPECT_LT(deviation(store_.sum_gradients({"first", 0, 100}, weights_, cross_entropy, add_square), all * all), 1e-11);
}

TEST_F(ExampleStoreTest, SeveralGradientsAGroupAreTakenApart) {
  const LogitGradients two = [](const ExampleRows& rows) -> std::vector<at::Tensor> {
    return {cross_entropy_gradient(rows), at::ones_like(rows.logits)};
  };
  std::vector<std::size_t> indices;
  const at::Tensor second = store_.sum_gradients({"second"}, weights_, two,
                                                 [&](const at::Tensor& gradient, std::size_t index, at::Tensor& sum) {
                                                   indices.push_back(index);
                                                   if (index == 1) sum.add_(gradient);
                                                 });
  EXPECT_EQ(indices, (std::vector<std::size_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
  const LogitGradients ones = [](const ExampleRows& rows) -> std::vector<at::Tensor> {
    return {at::ones_like(rows.logits)};
  };
  EXPECT_LT(deviation(second, store_.sum_gradients({"second"}, weights_, ones, add_plain)), 1e-12);
  // None at all: nothing is added.
  const LogitGradients none = [](const ExampleRows&) -> std::vector<at::Tensor> { return {}; };
  EXPECT_EQ(store_.sum_gradients({"second"}, weights_, none, add_plain).abs().max().item<double>(), 0.0);
}

TEST_F(ExampleStoreTest, NumbersReadFromGradients) {
  const auto read = [](const at::Tensor& g) -> std::vector<double> {
    return {g.norm().item<double>(), g.data_ptr<double>()[17]};
  };
  const at::Tensor numbers = store_.map_gradients({"second", 5}, weights_, cross_entropy, read);
  ASSERT_EQ(numbers.sizes(), at::IntArrayRef({5, 2}));
  for (std::int64_t i = 0; i < 5; ++i) {
    const std::vector<double> expected = read(gradient_of(static_cast<std::uint64_t>(i) + 7));
    EXPECT_NEAR(numbers[i][0].item<double>(), expected[0], 1e-12 * expected[0]);
    EXPECT_NEAR(numbers[i][1].item<double>(), expected[1], 1e-12 * expected[0]);
  }
}

TEST_F(ExampleStoreTest, WeightsAreLeftAloneAndFloatWorks) {
  const std::string before = hash_tensor(weights_);
  const at::Tensor in_double = store_.sum_gradients({"first"}, weights_, cross_entropy, add_plain);
  EXPECT_EQ(hash_tensor(weights_), before);
  const at::Tensor in_float = store_.sum_gradients({"first"}, weights_.to(at::kFloat), cross_entropy, add_plain);
  EXPECT_EQ(in_float.scalar_type(), at::kDouble);  // the sum is
  EXPECT_LT(deviation(in_float, in_double), 1e-4);
}

TEST_F(ExampleStoreTest, RowsInTheirOrder) {
  std::vector<std::int64_t> firsts;
  std::int64_t rows_seen = 0;
  const at::Tensor other = initial_values(model_.table(), model_.config(), 2, at::kDouble);
  store_.for_each({"second", 0, 4}, weights_, [&](const ExampleRows& rows) {
    firsts.push_back(rows.first);
    const std::int64_t examples = rows.sequence_of.back() + 1;
    double loss = 0, expected = 0;
    const at::Tensor losses = -at::log_softmax(rows.logits, 1).gather(1, rows.targets.unsqueeze(1)).squeeze(1);
    const at::Tensor under =
        -at::log_softmax(rows.logits_under(other), 1).gather(1, rows.targets.unsqueeze(1)).squeeze(1);
    double loss_under = 0, expected_under = 0;
    for (std::int64_t e = 0; e < examples; ++e) {
      const TokenSequence sequence = testing::small_data().sequence(0, static_cast<std::uint64_t>(7 + rows.first + e));
      const auto count = static_cast<double>(sequence.loss_tokens());
      expected += testing::mean_loss(model_, weights_, sequence);
      expected_under += testing::mean_loss(model_, other, sequence);
      for (std::size_t p = 0; p < rows.sequence_of.size(); ++p) {
        if (rows.sequence_of[p] != e) continue;
        loss += losses[static_cast<std::int64_t>(p)].item<double>() / count;
        loss_under += under[static_cast<std::int64_t>(p)].item<double>() / count;
      }
    }
    EXPECT_NEAR(loss, expected, 1e-12);
    EXPECT_NEAR(loss_under, expected_under, 1e-12);
    EXPECT_FALSE(rows.logits.requires_grad());
    rows_seen += rows.logits.size(0);
  });
  EXPECT_EQ(firsts, (std::vector<std::int64_t>{0, 4}));
  std::int64_t all = 0;
  for (const TokenSequence& sequence : store_.sequences("second"))
    all += static_cast<std::int64_t>(sequence.loss_tokens());
  EXPECT_EQ(rows_seen, all);
}

TEST_F(ExampleStoreTest, SetsAreMadeOnceAndWhenAskedFor) {
  EXPECT_EQ(store_.sets(), (std::vector<std::string>{"first", "second", "empty"}));
  EXPECT_EQ(made_, 0);
  EXPECT_EQ(store_.size("second"), 6);
  (void)store_.sequences("second");
  EXPECT_EQ(made_, 1);
  for (std::size_t i = 0; i < 6; ++i) {
    const std::uint64_t example = store_.sequences("second")[i].example;
    EXPECT_EQ(example, ExampleStore::number_of(1, i));
    EXPECT_EQ(ExampleStore::set_of(example), 1);
  }
  EXPECT_EQ(ExampleStore::set_of(12), -1);  // a sequence that came from nowhere else
}

TEST_F(ExampleStoreTest, UnknownAndEmptySetsAreRefused) {
  for (const auto& ask : std::vector<std::function<void()>>{
           [&] { (void)store_.size("frist"); },
           [&] { (void)store_.sum_gradients({"frist"}, weights_, cross_entropy, add_plain); },
           [&] {
             (void)store_.map_gradients({"frist"}, weights_, cross_entropy,
                                        [](const at::Tensor&) { return std::vector<double>{1}; });
           },
           [&] { store_.for_each({"frist"}, weights_, [](const ExampleRows&) {}); }}) {
    const Error error = error_of(ask);
    EXPECT_EQ(error.kind(), ErrorKind::config);
    const std::string text = error.what();
    EXPECT_NE(text.find("'frist'"), std::string::npos) << text;
    EXPECT_NE(text.find("first, second, empty"), std::string::npos) << text;
    EXPECT_NE(text.find("did you mean 'first'?"), std::string::npos) << text;
  }
  EXPECT_NE(std::string(error_of([&] { (void)store_.size("empty"); }).what()).find("'empty' is empty"),
            std::string::npos);
}

TEST_F(ExampleStoreTest, TheCutIntoShardsDoesNotMatterBeyondRounding) {
  const at::Tensor four = store_.sum_gradients({"first"}, weights_, cross_entropy, add_plain);
  for (const std::int64_t shards : {1, 2, 3, 8, 16}) {  // also more shards than examples
    ExampleStore other(model_, *alone_, shards);
    testing::fill(other);
    EXPECT_LT(deviation(other.sum_gradients({"first"}, weights_, cross_entropy, add_plain), four), 1e-13) << shards;
  }
}

}  // namespace
}  // namespace stet
