// label_smoothing, confidence_penalty and replay: values and gradients against formulas and finite differences.
#include "output_setting.hpp"

namespace stet::testing {
namespace {

class OutputRegularizers : public OutputTest {
 protected:
  void expect_off(const std::string& name, const std::string& text) {
    const auto regularizer = make(name, text);
    const at::Tensor loss = regularizer->output_loss(context(student_));
    EXPECT_EQ(loss.item<double>(), 0.0) << name;
    EXPECT_FALSE(loss.requires_grad()) << name;  // so that not a bit of the task's gradient is touched
    EXPECT_EQ(regularizer->scope(), RowScope::answer) << name;
    EXPECT_FALSE(regularizer->rehearsal().has_value()) << name;
  }
};

TEST_F(OutputRegularizers, SmoothingAndCrossEntropyAreTheSmoothedLoss) {
  for (const double epsilon : {0.05, 0.1, 0.5, 1.0}) {
    const auto regularizer = make("label_smoothing", "epsilon = " + std::to_string(epsilon));
    const at::Tensor target = (1 - epsilon) * one_hot() + epsilon / static_cast<double>(V);
    const at::Tensor log_q = at::log_softmax(student_, 1);
    const double smoothed = (task_weights_ * -(target * log_q).sum(1)).sum().item<double>();
    EXPECT_NEAR(cross_entropy(student_, task_weights_) + value(*regularizer, student_), smoothed, 1e-13);
    const at::Tensor task = (at::softmax(student_, 1) - one_hot()) * task_weights_.unsqueeze(1);
    const at::Tensor expected = (at::softmax(student_, 1) - target) * task_weights_.unsqueeze(1);
    EXPECT_LT(largest(task + gradient(*regularizer, student_) - expected), 1e-14);
    EXPECT_LT(largest(gradient(*regularizer, student_) - differences(*regularizer, student_)), 1e-9);
  }
}

TEST_F(OutputRegularizers, SmoothingIsADivergenceFromTheUniformUpToAConstant) {
  // (1 - epsilon) CE + epsilon KL(u || q) differs from the smoothed loss by epsilon log V for each row, whatever the
  // logits.
  const double epsilon = 0.2;
  const auto regularizer = make("label_smoothing", "epsilon = 0.2");
  const at::Tensor other = normal({P, V}, "other", 3);
  for (const at::Tensor& logits : {student_, teacher_, other}) {
    const at::Tensor divergence = (-std::log(static_cast<double>(V)) - at::log_softmax(logits, 1)).mean(1);
    const double combined = (1 - epsilon) * cross_entropy(logits, task_weights_) +
                            epsilon * (task_weights_ * divergence).sum().item<double>();
    const double constant = epsilon * std::log(static_cast<double>(V)) * task_weights_.sum().item<double>();
    EXPECT_NEAR(cross_entropy(logits, task_weights_) + value(*regularizer, logits), combined + constant, 1e-12);
  }
}

TEST_F(OutputRegularizers, SmoothingHasTheGradientOfADistillationFromTheUniform) {
  // CE + eps' KL(u || q), scaled by 1 / (1 + eps'), is label smoothing with epsilon = eps' / (1 + eps').
  task_weights_ = weights_;  // the two means of one batch are the same if all sequences have as many answer tokens
  const auto smoothing = make("label_smoothing", "epsilon = 0.2");
  const auto distillation = make("self_distillation", "strength = 0.25\ntemperature = 1\ntarget = \"uniform\"");
  const at::Tensor task = (at::softmax(student_, 1) - one_hot()) * weights_.unsqueeze(1);
  EXPECT_LT(largest((task + gradient(*distillation, student_)) / 1.25 - (task + gradient(*smoothing, student_))),
            1e-14);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(OutputRegularizers, ConfidenceIsPenalized) {
  const double beta = 0.3;
  const auto regularizer = make("confidence_penalty", "beta = 0.3");
  const at::Tensor q = at::softmax(student_, 1), entropy = -(q * q.log()).sum(1, true);
  EXPECT_NEAR(value(*regularizer, student_), -beta * (weights_.unsqueeze(1) * entropy).sum().item<double>(), 1e-13);
  const at::Tensor expected = beta * q * (q.log() + entropy) * weights_.unsqueeze(1);
  EXPECT_LT(largest(gradient(*regularizer, student_) - expected), 1e-13);
  EXPECT_LT(largest(gradient(*regularizer, student_) - differences(*regularizer, student_)), 1e-9);
  EXPECT_GT(largest(expected), 1e-3);
  // The uniform has the largest entropy: no gradient there. A certain row: still finite.
  EXPECT_LT(largest(gradient(*regularizer, at::zeros({P, V}, at::kDouble))), 1e-16);
  EXPECT_NEAR(value(*regularizer, at::zeros({P, V}, at::kDouble)), -beta * std::log(static_cast<double>(V)), 1e-13);
  const at::Tensor certain = one_hot() * 1e4;
  EXPECT_EQ(value(*regularizer, certain), 0.0);
  EXPECT_TRUE(gradient(*regularizer, certain).isfinite().all().item<bool>());
}

TEST_F(OutputRegularizers, ReplayIsTheCrossEntropyOfWhatIsDrawn) {
  const auto regularizer = make("replay", "weight = 0.25\nsource = \"self_generated\"\nper_step = 5");
  ASSERT_TRUE(regularizer->rehearsal().has_value());
  EXPECT_EQ(regularizer->rehearsal()->set, "self_generated");
  EXPECT_EQ(regularizer->rehearsal()->per_step, 5);
  EXPECT_EQ(regularizer->site(), Site::outputs);
  EXPECT_NEAR(value(*regularizer, student_), 0.25 * cross_entropy(student_), 1e-13);
  const at::Tensor expected = 0.25 * (at::softmax(student_, 1) - one_hot()) * weights_.unsqueeze(1);
  EXPECT_LT(largest(gradient(*regularizer, student_) - expected), 1e-14);
  EXPECT_LT(largest(gradient(*regularizer, student_) - differences(*regularizer, student_)), 1e-9);
}

TEST_F(OutputRegularizers, RowsWithoutWeightDoNotMatter) {
  at::Tensor changed = student_.clone();
  changed[2] = 50 * normal({V}, "elsewhere");
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"label_smoothing", ""}, {"confidence_penalty", ""}, {"replay", ""}, {"self_distillation", ""}}) {
    const auto regularizer = make(name, text);
    EXPECT_EQ(value(*regularizer, changed), value(*regularizer, student_)) << name;
    const at::Tensor one = gradient(*regularizer, student_), other = gradient(*regularizer, changed);
    EXPECT_TRUE(one.equal(other)) << name;
    EXPECT_EQ(largest(other[2]), 0.0) << name;
  }
}

TEST_F(OutputRegularizers, AgreeInFloat) {
  for (const char* name : {"label_smoothing", "confidence_penalty", "replay"}) {
    const auto regularizer = make(name, "");
    const at::Tensor in_float = gradient(*regularizer, student_.to(at::kFloat));
    EXPECT_EQ(in_float.scalar_type(), at::kFloat) << name;
    EXPECT_LT(largest(in_float.to(at::kDouble) - gradient(*regularizer, student_)), 1e-6) << name;
    EXPECT_NEAR(value(*regularizer, student_.to(at::kFloat)), value(*regularizer, student_), 1e-6) << name;
  }
}

TEST_F(OutputRegularizers, StrengthZeroIsExactlyNothing) {
  expect_off("label_smoothing", "epsilon = 0");
  expect_off("confidence_penalty", "beta = 0");
  expect_off("replay", "weight = 0");
  expect_off("self_distillation", "strength = 0\non = \"neutral\"\nmask = \"all\"");
}

TEST_F(OutputRegularizers, SchemasRefuse) {
  EXPECT_TRUE(has(error_of([&] { (void)make("label_smoothing", "epsilon = 1.5"); }), "epsilon"));
  EXPECT_TRUE(has(error_of([&] { (void)make("label_smoothing", "epsilom = 0.1"); }), "did you mean 'epsilon'?"));
  EXPECT_TRUE(has(error_of([&] { (void)make("confidence_penalty", "beta = -1"); }), "beta"));
  EXPECT_TRUE(has(error_of([&] { (void)make("replay", "per_step = 0"); }), "per_step"));
  EXPECT_TRUE(has(error_of([&] { (void)make("replay", "weight = -0.5"); }), "weight"));
  for (const char* source : {"held", "validation"}) {
    const Error error = error_of([&] { (void)make("replay", "source = \"" + std::string(source) + "\""); });
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_TRUE(has(error, "cannot be replayed"));
    EXPECT_TRUE(has(error, source));
  }
}

}  // namespace
}  // namespace stet::testing
