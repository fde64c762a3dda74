// self_distillation: values and gradients against formulas, finite differences and known cases. l2_sp_test.cpp has
// l2_sp.
#include "support.hpp"

#include <algorithm>

namespace stet::testing {
namespace {

constexpr std::int64_t P = 5, V = 7;

class SelfDistillation : public PluginTest {
 protected:
  std::unique_ptr<Regularizer> make(const std::string& text) {
    return registry_.regularizer("self_distillation").create(toml(text));
  }

  /// The context of a batch of two sequences. Row 2 is outside the scope.
  OutputContext context(const at::Tensor& student, const at::Tensor& teacher) {
    OutputContext result;
    result.logits = student.detach().clone().requires_grad_(true);
    result.hidden = normal({P, 3}, "hidden").to(student.scalar_type());
    result.targets = at::zeros({P}, at::kLong);
    result.row_weights = weights_.to(student.scalar_type());
    result.sequence_of = sequence_of_;
    result.examples = examples_;
    result.snapshot_logits = [this, teacher](const std::string& name) {
      asked_.push_back(name);
      return teacher;
    };
    return result;
  }

  double value(Regularizer& regularizer, const at::Tensor& student) {
    return regularizer.output_loss(context(student, teacher_)).item<double>();
  }

  at::Tensor gradient(Regularizer& regularizer, const at::Tensor& student, const at::Tensor& teacher,
                      double factor = 1) {
    OutputContext c = context(student, teacher);
    (regularizer.output_loss(c) * factor).backward();
    return c.logits.grad();
  }

  void expect_finite_differences(Regularizer& regularizer) {
    const at::Tensor ours = gradient(regularizer, student_, teacher_);
    constexpr double step = 1e-5;
    for (std::int64_t i = 0; i < P * V; ++i) {
      at::Tensor up = student_.clone(), down = student_.clone();
      up.data_ptr<double>()[i] += step;
      down.data_ptr<double>()[i] -= step;
      const double expected = (value(regularizer, up) - value(regularizer, down)) / (2 * step);
      EXPECT_NEAR(ours.data_ptr<double>()[i], expected, 1e-6 * std::max(1.0, std::abs(expected))) << "element " << i;
    }
  }

  const at::Tensor student_ = normal({P, V}, "student", 1.5), teacher_ = normal({P, V}, "teacher", 1.5);
  const at::Tensor weights_ = at::tensor(std::vector<double>{0.25, 0.25, 0.0, 0.3, 0.2});
  const std::vector<std::int32_t> sequence_of_ = {0, 0, 0, 1, 1};
  const std::vector<std::uint64_t> examples_ = {4, 9};
  std::vector<std::string> asked_;
};

TEST_F(SelfDistillation, GradientIsTheFormula) {
  const double lambda = 0.7, tau = 0.5;
  const auto regularizer = make("strength = 0.7\ntemperature = 0.5\nteacher = \"format\"");
  const at::Tensor q = at::softmax(student_ / tau, 1), p = at::softmax(teacher_ / tau, 1);
  const at::Tensor expected = lambda * tau * (q - p) * weights_.unsqueeze(1);
  const at::Tensor ours = gradient(*regularizer, student_, teacher_);
  EXPECT_LT((ours - expected).abs().max().item<double>(), 1e-14);
  EXPECT_EQ(ours[2].abs().max().item<double>(), 0.0);
  EXPECT_GT(ours.abs().max().item<double>(), 1e-2);
  EXPECT_EQ(asked_, std::vector<std::string>{"format"});
  EXPECT_EQ(regularizer->site(), Site::outputs);

  const at::Tensor kl = (p * (p.log() - q.log())).sum(1);
  EXPECT_NEAR(value(*regularizer, student_), (lambda * tau * tau * kl * weights_).sum().item<double>(), 1e-13);
  // what comes from above is passed on
  EXPECT_LT((gradient(*regularizer, student_, teacher_, -3) + 3 * expected).abs().max().item<double>(), 1e-13);
}

TEST_F(SelfDistillation, GradientByFiniteDifferences) {
  expect_finite_differences(*make(""));
  expect_finite_differences(*make("temperature = 2.0\nstrength = 3"));
}

TEST_F(SelfDistillation, ReverseDirection) {
  const auto regularizer = make("direction = \"reverse\"\ntemperature = 0.8");
  const double tau = 0.8;
  const at::Tensor q = at::softmax(student_ / tau, 1), p = at::softmax(teacher_ / tau, 1);
  const at::Tensor kl = (q * (q.log() - p.log())).sum(1);
  EXPECT_NEAR(value(*regularizer, student_), (tau * tau * kl * weights_).sum().item<double>(), 1e-13);
  expect_finite_differences(*regularizer);
  EXPECT_GT(std::abs(value(*make("temperature = 0.8"), student_) - value(*regularizer, student_)), 1e-3);
}

TEST_F(SelfDistillation, AgreesInFloat) {
  const auto regularizer = make("");
  const at::Tensor in_double = gradient(*regularizer, student_, teacher_);
  const at::Tensor in_float = gradient(*regularizer, student_.to(at::kFloat), teacher_.to(at::kFloat));
  EXPECT_EQ(in_float.scalar_type(), at::kFloat);
  EXPECT_LT((in_float.to(at::kDouble) - in_double).abs().max().item<double>(), 1e-6);
  OutputContext c = context(student_.to(at::kFloat), teacher_.to(at::kFloat));
  EXPECT_NEAR(regularizer->output_loss(c).item<double>(), value(*regularizer, student_), 1e-6);
}

TEST_F(SelfDistillation, EqualModelsGiveNothing) {
  for (const char* direction : {"direction = \"forward\"", "direction = \"reverse\""}) {
    const auto regularizer = make(direction);
    EXPECT_EQ(regularizer->output_loss(context(teacher_, teacher_)).item<double>(), 0.0);
    EXPECT_LT(gradient(*regularizer, teacher_, teacher_).abs().max().item<double>(), 1e-16);
  }
}

TEST_F(SelfDistillation, StrengthZeroIsExactlyNothing) {
  const auto regularizer = make("strength = 0\nmask = \"all\"");
  OutputContext c = context(student_, teacher_);
  const at::Tensor loss = regularizer->output_loss(c);
  EXPECT_EQ(loss.item<double>(), 0.0);
  EXPECT_FALSE(loss.requires_grad());  // so that not a bit of the task's gradient is touched
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(regularizer->scope(), RowScope::answer);  // and no row is computed for it
}

TEST_F(SelfDistillation, MaskIsTheScope) {
  EXPECT_EQ(make("")->scope(), RowScope::answer);
  EXPECT_EQ(make("mask = \"all\"")->scope(), RowScope::all);
}

TEST_F(SelfDistillation, SchemaRefuses) {
  const Error unknown = error_of([&] { (void)make("strenght = 1"); });
  EXPECT_EQ(unknown.kind(), ErrorKind::config);
  EXPECT_TRUE(has(unknown, "did you mean 'strength'?"));
  EXPECT_TRUE(has(unknown, "test.toml:1:1"));
  EXPECT_TRUE(has(error_of([&] { (void)make("temperature = 0"); }), "temperature"));
  EXPECT_TRUE(has(error_of([&] { (void)make("strength = -1"); }), "strength"));
  EXPECT_TRUE(has(error_of([&] { (void)make("direction = \"sideways\""); }), "forward"));
  EXPECT_TRUE(has(error_of([&] { (void)make("teacher = 3"); }), "string"));
}

TEST_F(SelfDistillation, DefaultsAreThePapers) {
  const config::Value resolved = registry_.regularizer("self_distillation").resolve(toml(""));
  EXPECT_EQ(resolved,
            toml("strength = 1.0\ntemperature = 0.5\ndirection = \"forward\"\nmask = \"answer\"\nteacher = \"base\"\n"
                 "ema_decay = 0.99\ntarget = \"teacher\"\npermutation_seed = 1\non = \"batch\"\nper_step = 16"));
}

}  // namespace
}  // namespace stet::testing
