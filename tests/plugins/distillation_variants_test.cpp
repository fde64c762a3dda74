// self_distillation beyond the paper's own form: its mathematics with the task's loss, the moving teacher, teachers
// without knowledge, and the choice of sequences.
#include "output_setting.hpp"

namespace stet::testing {
namespace {

class DistillationVariants : public OutputTest {
 protected:
  std::unique_ptr<Regularizer> make(const std::string& text) { return OutputTest::make("self_distillation", text); }

  /// lambda tau (q_tau - p_tau) times the rows' weights, from the teacher's logits.
  [[nodiscard]] at::Tensor formula(double lambda, double tau, const at::Tensor& teacher) const {
    return lambda * tau * (at::softmax(student_ / tau, 1) - at::softmax(teacher / tau, 1)) * weights_.unsqueeze(1);
  }

  [[nodiscard]] PhaseContext phase(const at::Tensor& weights) const {
    return {"facts", model_, weights, snapshots_, sized_};
  }
  void step(Regularizer& regularizer, const at::Tensor& weights) const {
    const at::Tensor gradients = at::zeros_like(weights);
    regularizer.after_step({model_.table(), weights, gradients, trains_, snapshots_, sized_, 0});
  }

  const Transformer model_{small_config()};
  const std::vector<bool> trains_ = std::vector<bool>(model_.table().size(), true);
  const at::Tensor start_ = normal({model_.table().total()}, "start");
  MapSnapshots snapshots_;
  SizedExamples sized_;
};

TEST_F(DistillationVariants, GradientWithTheTasksLossByFiniteDifferences) {
  for (const double lambda : {0.1, 1.0, 10.0}) {
    for (const double tau : {0.5, 1.0, 2.0}) {
      const auto regularizer = make("strength = " + std::to_string(lambda) + "\ntemperature = " + std::to_string(tau));
      const at::Tensor term = formula(lambda, tau, teacher_);
      EXPECT_LT(largest(differences(*regularizer, student_) - term), 1e-6);
      const at::Tensor both =
          differences(student_, [&](const at::Tensor& z) { return cross_entropy(z) + value(*regularizer, z); });
      const at::Tensor task = (at::softmax(student_, 1) - one_hot()) * weights_.unsqueeze(1);
      EXPECT_LT(largest(both - (task + term)), 1e-6);
      EXPECT_LT(largest(gradient(*regularizer, student_) - term), 1e-13);
    }
  }
}

TEST_F(DistillationVariants, TheCombinedOptimumAtTemperatureOne) {
  // q* = (one-hot + lambda p) / (1 + lambda): there the two gradients cancel.
  const double lambda = 0.7;
  const auto regularizer = make("strength = 0.7\ntemperature = 1");
  const at::Tensor optimum = (one_hot() + lambda * at::softmax(teacher_, 1)) / (1 + lambda);
  const at::Tensor logits = optimum.log();
  const at::Tensor task = (at::softmax(logits, 1) - one_hot()) * weights_.unsqueeze(1);
  EXPECT_LT(largest(task + gradient(*regularizer, logits)), 1e-14);
  EXPECT_GT(largest(task), 1e-2);
}

TEST_F(DistillationVariants, TheSquaredTemperatureKeepsTheScale) {
  // tau^2 KL at tau of tau z is tau^2 times that at 1 of z; for large tau the gradient becomes (z - t), centred, over
  // V.
  const auto at_one = make("temperature = 1"), at_two = make("temperature = 2");
  OutputContext doubled = context(2 * student_);
  const at::Tensor twice = 2 * teacher_;
  doubled.snapshot_logits = [&](const std::string&) { return twice; };
  EXPECT_NEAR(at_two->output_loss(doubled).item<double>(), 4 * value(*at_one, student_), 1e-12);

  const at::Tensor difference = student_ - teacher_;
  const at::Tensor limit = (difference - difference.mean(1, true)) / static_cast<double>(V) * weights_.unsqueeze(1);
  const double coarse = largest(gradient(*make("temperature = 100"), student_) - limit);
  const double fine = largest(gradient(*make("temperature = 10000"), student_) - limit);
  EXPECT_LT(fine, 1e-3 * largest(limit));
  EXPECT_NEAR(coarse / fine, 100, 2);  // the next term falls with 1 / tau
}

TEST_F(DistillationVariants, APermutedTeacherIsAsSharpAndKnowsNothing) {
  const auto regularizer = make("target = \"permuted\"\ntemperature = 1\nteacher = \"format\"");
  // Its distribution, from the gradient: p = q - gradient / weight.
  const at::Tensor q = at::softmax(student_, 1), own = at::softmax(teacher_, 1);
  const at::Tensor p = q - gradient(*regularizer, student_) / weights_.unsqueeze(1);
  std::vector<std::int64_t> image;
  for (const std::int64_t row : {0, 1, 3, 4}) {
    EXPECT_LT(largest(std::get<0>(p[row].sort()) - std::get<0>(own[row].sort())), 1e-12);
    EXPECT_GT(largest(p[row] - own[row]), 1e-3);
    std::vector<std::int64_t> here;
    for (std::int64_t i = 0; i < V; ++i) here.push_back((own[row] - p[row][i]).abs().argmin().item<std::int64_t>());
    if (image.empty()) image = here;
    EXPECT_EQ(here, image) << "row " << row;  // one permutation for all rows
  }
  EXPECT_EQ(asked_, std::vector<std::string>{"format"});
  EXPECT_LT(largest(gradient(*regularizer, student_) - differences(*regularizer, student_)), 1e-6);
  // Keyed: the same in a new object, another with another seed.
  const at::Tensor again = gradient(*make("target = \"permuted\"\ntemperature = 1"), student_);
  EXPECT_TRUE(again.equal(gradient(*regularizer, student_)));
  EXPECT_FALSE(again.equal(gradient(*make("target = \"permuted\"\ntemperature = 1\npermutation_seed = 2"), student_)));
}

TEST_F(DistillationVariants, TheUniformTargetAsksNoTeacher) {
  const auto regularizer = make("target = \"uniform\"\nteacher = \"no such phase\"\ntemperature = 2");
  regularizer->begin_phase(phase(start_), false);
  EXPECT_LT(largest(gradient(*regularizer, student_) - formula(1, 2, at::zeros({P, V}, at::kDouble))), 1e-13);
  EXPECT_TRUE(asked_.empty());
  EXPECT_TRUE(under_.empty());
}

TEST_F(DistillationVariants, TheMovingTeacherIsTheAverageOfTheStudent) {
  const auto regularizer = make("teacher = \"ema\"\nema_decay = 0.75");
  regularizer->begin_phase(phase(start_), false);
  (void)value(*regularizer, student_);
  ASSERT_EQ(under_.size(), 1U);
  EXPECT_TRUE(under_[0].equal(start_));  // it begins where the phase does
  at::Tensor expected = start_.clone();
  for (int k = 0; k < 4; ++k) {
    const at::Tensor now = normal({model_.table().total()}, "weights " + std::to_string(k));
    step(*regularizer, now);
    expected = 0.75 * expected + 0.25 * now;
  }
  EXPECT_LT(largest(gradient(*regularizer, student_) - formula(1, 0.5, teacher_)), 1e-13);
  EXPECT_LT(largest(under_.back() - expected), 1e-14);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(DistillationVariants, TheAverageKeepsWhatDoesNotTrainToTheBit) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const auto regularizer = make("teacher = \"ema\"\nema_decay = 0.9");
    const at::Tensor start = start_.to(type);
    regularizer->begin_phase(phase(start), false);
    at::Tensor now = start.clone();
    for (int k = 0; k < 20; ++k) {
      now.narrow(0, 0, 50).add_(0.1);
      step(*regularizer, now);
    }
    const at::Tensor average = regularizer->save().at("ema");
    EXPECT_TRUE(average.narrow(0, 50, average.numel() - 50).equal(start.narrow(0, 50, start.numel() - 50)));
    EXPECT_FALSE(average.narrow(0, 0, 50).equal(start.narrow(0, 0, 50)));
  }
}

TEST_F(DistillationVariants, DecaysOfZeroAndOne) {
  const auto student = make("teacher = \"ema\"\nema_decay = 0"), fixed = make("teacher = \"ema\"\nema_decay = 1");
  const at::Tensor now = normal({model_.table().total()}, "now");
  for (Regularizer* regularizer : {student.get(), fixed.get()}) {
    regularizer->begin_phase(phase(start_), false);
    step(*regularizer, now);
    (void)value(*regularizer, student_);
  }
  EXPECT_TRUE(under_[0].equal(now));
  EXPECT_TRUE(under_[1].equal(start_));
}

TEST_F(DistillationVariants, TheAverageSurvivesARestartAndEndsWithThePhase) {
  const std::string text = "teacher = \"ema\"\nema_decay = 0.5";
  const auto regularizer = make(text);
  EXPECT_TRUE(regularizer->save().empty());
  regularizer->begin_phase(phase(start_), false);
  step(*regularizer, 3 * start_);
  const PluginState state = regularizer->save();
  const auto resumed = make(text);
  resumed->load(state);
  resumed->begin_phase(phase(7 * start_), true);
  (void)value(*resumed, student_);
  EXPECT_LT(largest(under_.back() - 2 * start_), 1e-14);

  regularizer->end_phase(phase(start_));
  EXPECT_TRUE(regularizer->save().empty());
  regularizer->begin_phase(phase(7 * start_), false);  // another phase, another start
  (void)value(*regularizer, student_);
  EXPECT_TRUE(under_.back().equal(7 * start_));

  const auto lost = make(text);
  lost->load({});
  const Error error = error_of([&] { lost->begin_phase(phase(start_), true); });
  EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
}

TEST_F(DistillationVariants, OnlyTheMovingTeacherHasState) {
  const auto off = make("strength = 0\nteacher = \"ema\"");
  off->begin_phase(phase(start_), false);
  step(*off, start_);
  EXPECT_TRUE(off->save().empty());
  snapshots_.weights["base"] = start_;
  const auto fixed = make("");
  fixed->begin_phase(phase(start_), false);
  step(*fixed, start_);
  EXPECT_TRUE(fixed->save().empty());
}

TEST_F(DistillationVariants, OneSetOfTheBatch) {
  const auto all = make(""), known = make("on = \"known\""), unknown = make("on = \"unknown\"");
  const at::Tensor whole = gradient(*all, student_), of_known = gradient(*known, student_),
                   of_unknown = gradient(*unknown, student_);
  EXPECT_TRUE(of_known.narrow(0, 0, 3).equal(whole.narrow(0, 0, 3)));
  EXPECT_EQ(largest(of_known.narrow(0, 3, 2)), 0.0);
  EXPECT_EQ(largest(of_unknown.narrow(0, 0, 3)), 0.0);
  EXPECT_TRUE(of_unknown.narrow(0, 3, 2).equal(whole.narrow(0, 3, 2)));
  EXPECT_NEAR(value(*known, student_) + value(*unknown, student_), value(*all, student_), 1e-13);
  EXPECT_GT(value(*known, student_), 1e-3);
  EXPECT_FALSE(known->rehearsal().has_value());

  // A micro-batch without the set: nothing, and no teacher is asked.
  asked_.clear();
  OutputContext other = context(student_);
  const std::vector<std::int32_t> none = {-1, 2};
  other.set_of = none;
  const at::Tensor loss = known->output_loss(other);
  EXPECT_EQ(loss.item<double>(), 0.0);
  EXPECT_FALSE(loss.requires_grad());
  EXPECT_TRUE(asked_.empty());
}

TEST_F(DistillationVariants, AnyOtherSetIsDrawnBesideTheBatch) {
  const auto neutral = make("on = \"neutral\"\nper_step = 3\nmask = \"all\"");
  ASSERT_TRUE(neutral->rehearsal().has_value());
  EXPECT_EQ(neutral->rehearsal()->set, "neutral");
  EXPECT_EQ(neutral->rehearsal()->per_step, 3);
  EXPECT_FALSE(make("")->rehearsal().has_value());
  // What is drawn is of one set: every row counts.
  EXPECT_TRUE(gradient(*neutral, student_).equal(gradient(*make(""), student_)));
}

TEST_F(DistillationVariants, WhatIsNotThereIsRefusedWhenThePhaseBegins) {
  EXPECT_TRUE(has(error_of([&] { make("teacher = \"formt\"")->begin_phase(phase(start_), false); }), "formt"));
  class NoSets final : public Snapshots {
    const at::Tensor& get(const std::string&) const override { return weights; }
    at::Tensor weights;
  } any;
  const NoExamples none;
  EXPECT_TRUE(has(error_of([&] {
                    make("on = \"known\"")->begin_phase({"facts", model_, start_, any, none}, false);
                  }),
                  "'known'"));
  EXPECT_NO_THROW(make("strength = 0\nteacher = \"formt\"")->begin_phase(phase(start_), false));
  EXPECT_TRUE(has(error_of([&] { (void)make("ema_decay = 1.5"); }), "ema_decay"));
  EXPECT_TRUE(has(error_of([&] { (void)make("target = \"random\""); }), "permuted"));
  EXPECT_TRUE(has(error_of([&] { (void)make("per_step = 0"); }), "per_step"));
}

}  // namespace
}  // namespace stet::testing
