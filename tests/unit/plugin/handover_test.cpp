// What a plugin may hand over, and what not. The same by the trainer: tests/unit/train/handover_trainer_test.cpp; by
// the kit: tests/plugins.
#include <stet/plugin/handover.hpp>

#include <stet/base/error.hpp>

#include <gtest/gtest.h>
#include <error_of.hpp>

#include <limits>

namespace stet {
namespace {

using testing::error_of;

constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

/// Hidden states [2, 3] and logits [2, 4], as a hook gets them.
OutputContext context_of(const at::Tensor& hidden, const at::Tensor& logits) {
  OutputContext context;
  context.hidden = hidden.detach().requires_grad_(true);
  context.logits = logits.detach().requires_grad_(true);
  return context;
}

class Terms : public ::testing::Test {
 protected:
  OutputContext context_ = context_of(at::ones({2, 3}), at::full({2, 4}, 2.0, at::kFloat));
};

TEST_F(Terms, ValueAndGradient) {
  EXPECT_EQ(take_term(0.5 * context_.logits.pow(2).sum(), context_), 16.0);  // 8 logits of 2
  EXPECT_TRUE(context_.logits.grad().equal(at::full({2, 4}, 2.0, at::kFloat)));
  EXPECT_FALSE(context_.hidden.grad().defined());
  // One element of any shape will do; a constant 0 of either type is a term that is off.
  EXPECT_EQ(take_term(context_.hidden.sum().view({1, 1}), context_), 6.0);
  EXPECT_EQ(take_term(at::zeros({}, at::kDouble), context_), 0.0);
  EXPECT_EQ(take_term(at::zeros({}), context_), 0.0);
}

TEST_F(Terms, WhatIsNoTerm) {
  const auto refused = [&](const at::Tensor& term) {
    const Error error = error_of([&] { (void)take_term(term, context_); });
    EXPECT_EQ(error.kind(), ErrorKind::plugin);
    return error.message();
  };
  EXPECT_EQ(refused({}), "the term is an undefined tensor");
  EXPECT_EQ(refused(context_.logits.sum(1)), "the term is no scalar but has shape [2]");
  EXPECT_EQ(refused(at::zeros({0})), "the term is no scalar but has shape [0]");
  EXPECT_EQ(refused(at::zeros({}, at::kLong)), "the term is of type Long, not float32 or float64");
  EXPECT_EQ(refused(context_.logits.sum().to(at::kHalf)), "the term is of type Half, not float32 or float64");
  EXPECT_EQ(refused(at::full({}, 3.0)),
            "the term is 3, but hangs on no graph: it would be logged as loss and train nothing");
  EXPECT_EQ(refused(3 * at::ones({}).requires_grad_(true)),
            "the term is 3, but its graph leads neither to hidden states nor to logits: it trains nothing");
}

TEST_F(Terms, NumbersThatAreNone) {
  for (const double value : {nan, inf, -inf}) {
    const Error error = error_of([&] { (void)take_term(context_.logits.sum() * value, context_); });
    EXPECT_EQ(error.kind(), ErrorKind::numerical);
    EXPECT_EQ(error.message(), "the term is not finite, though the hidden states and logits that it was given are");
  }
  // 0 with a gradient of 0 * inf
  const Error gradient = error_of([&] { (void)take_term((context_.hidden - 1).abs().sqrt().sum(), context_); });
  EXPECT_EQ(gradient.kind(), ErrorKind::numerical);
  EXPECT_EQ(gradient.message(), "the term's gradient is not finite");
  // A model that has diverged is not the plugin's doing.
  const OutputContext diverged = context_of(at::full({2, 3}, nan), at::ones({2, 4}));
  EXPECT_TRUE(std::isnan(take_term(diverged.hidden.sum(), diverged)));
  for (const double value : {nan, inf, -inf})
    EXPECT_EQ(error_of([&] { check_penalty(value); }).kind(), ErrorKind::numerical);
  check_penalty(0);
}

TEST(Finite, SumsBeyondTheTypeDoNotCount) {
  EXPECT_TRUE(all_finite({}));
  EXPECT_TRUE(all_finite(at::full({4}, 3e38, at::kFloat)));  // the sum is inf
  at::Tensor one = at::zeros({1000});
  EXPECT_TRUE(all_finite(one));
  one[999] = nan;
  EXPECT_FALSE(all_finite(one));
  one[999] = -inf;
  EXPECT_FALSE(all_finite(one));
}

TEST(LentBuffers, WritesAreSeen) {
  const at::Tensor buffer = at::zeros({8});
  const Lent by_version(buffer, false), by_content(buffer, true);
  EXPECT_EQ(buffer.sum().item<float>(), 0);
  EXPECT_FALSE(by_version.written() || by_content.written());
  buffer.data_ptr<float>()[3] = 1;  // through a pointer: content alone tells
  EXPECT_FALSE(by_version.written());
  EXPECT_TRUE(by_content.written());
  buffer.data_ptr<float>()[3] = 0;
  EXPECT_FALSE(by_content.written());
  buffer.narrow(0, 2, 2).view({1, 2}).add_(0);  // through a view, and nothing changes
  EXPECT_TRUE(by_version.written());
  EXPECT_EQ(error_of([&] { by_version.refuse_write("the weights"); }).message(),
            "the hook has written the weights, which it was only to read");
}

TEST(StateOfPlugins, Tensors) {
  EXPECT_EQ(wrong_with_state({{"importance", at::ones({3})}}), "");
  EXPECT_EQ(wrong_with_state({{"", at::ones({3})}}),
            "save() returned the tensor '', whose name is empty or has control characters");
  EXPECT_EQ(wrong_with_state({{"importance", {}}}), "save() returned the tensor 'importance', which is undefined");
}

TEST(Replacements, TypeShapeAndNumbers) {
  const at::Tensor weights = at::ones({5});
  EXPECT_EQ(wrong_with_replacement(at::zeros({5}), weights), "");
  EXPECT_EQ(wrong_with_replacement({}, weights), "replace_weights returned an undefined tensor");
  EXPECT_EQ(wrong_with_replacement(at::zeros({4}), weights),
            "replace_weights returned Float [4], the weights are Float [5]");
  EXPECT_EQ(wrong_with_replacement(at::zeros({5}, at::kDouble), weights),
            "replace_weights returned Double [5], the weights are Float [5]");
  EXPECT_EQ(wrong_with_replacement(at::full({5}, nan), weights),
            "replace_weights returned weights that are not finite");
}

TEST(MeasurementNames, WhatACsvFileCanHold) {
  for (const char* name : {"drift", "x.y", "a/b",
                           "Gr\xc3\xb6\xc3\x9f"
                           "e",
                           "two words"})
    EXPECT_TRUE(is_measurement_name(name)) << name;
  for (const char* name : {"", "a,b", "a\nb", "a\rb", "a\"b", "a\tb"}) EXPECT_FALSE(is_measurement_name(name)) << name;
}

}  // namespace
}  // namespace stet
