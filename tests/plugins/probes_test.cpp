// The probes of this repository against independent compositions in float64, and known cases.
#include "probe_fixture.hpp"

#include <algorithm>

namespace stet::testing {
namespace {

double cosine_of(const at::Tensor& a, const at::Tensor& b) { return at::cosine_similarity(a, b, 0).item<double>(); }

TEST_F(ProbeTest, OverlapOfNames) {
  const ProbeContext at_start = context(weights_);
  const auto probe = make("overlap");
  const std::vector<Measurement> measured = probe->measure(at_start);
  // Held: {1,3} {4,5,6} {7} {8,9} {10,11}; new: {3,1} {12,13} {4,5} {7}.
  EXPECT_EQ(per_fact(*probe, at_start, "jaccard_max"), (std::vector<float>{1, 2.0F / 3, 1, 0, 0}));
  EXPECT_EQ(per_fact(*probe, at_start, "token_share"), (std::vector<float>{1, 2.0F / 3, 1, 0, 0}));
  EXPECT_NEAR(value(measured, "jaccard_max"), (1 + 2.0 / 3 + 1) / 5, 1e-12);
  EXPECT_NEAR(value(measured, "jaccard_mean"), (1 + 2.0 / 3 + 1) / 20, 1e-12);

  const at::Tensor table = model_.table().view(base_, 0);
  const auto name = [&](const ProbeFact& fact) {
    at::Tensor sum = at::zeros({8}, at::kDouble);
    for (const std::int32_t token : fact.subject) sum = sum + table[token];
    return sum;  // the cosine does not see the length
  };
  const auto held = probe_facts(set("held")), fresh = probe_facts(set("unknown"));
  const std::vector<float> largest = per_fact(*probe, at_start, "embedding_max"),
                           mean = per_fact(*probe, at_start, "embedding_mean");
  ASSERT_EQ(largest.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    double best = -2, sum = 0;
    for (const ProbeFact& other : fresh) {
      const double c = cosine_of(name(held[i]), name(other));
      best = std::max(best, c);
      sum += c;
    }
    EXPECT_NEAR(largest[i], best, 1e-6) << i;
    EXPECT_NEAR(mean[i], sum / 4, 1e-6) << i;
  }
  EXPECT_NEAR(largest[0], 1, 1e-6);  // the same tokens in another order

  for (int layer = 0; layer <= 2; ++layer) {
    const auto states = [&](const char* of) {
      return hidden_states(model_, base_, set(of), ProbePosition::subject_end, 100)[static_cast<std::size_t>(layer)];
    };
    const at::Tensor a = states("held"), b = states("unknown");
    double best_sum = 0, sum = 0;
    for (std::int64_t i = 0; i < 5; ++i) {
      double best = -2;
      for (std::int64_t j = 0; j < 4; ++j) {
        best = std::max(best, cosine_of(a[i], b[j]));
        sum += cosine_of(a[i], b[j]);
      }
      best_sum += best;
      if (layer == 1) {
        EXPECT_NEAR(per_fact(*probe, at_start, "representation_max")[static_cast<std::size_t>(i)], best, 1e-6);
      }
    }
    EXPECT_NEAR(value(measured, "representation_max", layer), best_sum / 5, 1e-12);
    EXPECT_NEAR(value(measured, "representation_mean", layer), sum / 20, 1e-12);
  }
}

TEST_F(ProbeTest, OverlapAndNeuronsAreOfTheBaseAndMeasuredOnce) {
  for (const char* name : {"overlap", "neuron_overlap"}) {
    ProbeContext now = context(weights_);
    const auto probe = make(name);
    const auto first = probe->measure(now), same = make(name)->measure(context(base_));
    ASSERT_EQ(first.size(), same.size());
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].value, same[i].value) << name;
    now.first = false;
    EXPECT_TRUE(probe->measure(now).empty()) << name;
    EXPECT_TRUE(probe->measure_facts(now).empty()) << name;
    EXPECT_TRUE(
        has(error_of([&] { (void)make(name, "reference = \"format\"")->measure(context(weights_)); }), "format"))
        << name;
  }
}

/// Gradient of a fact's mean loss over its answer tokens, element by element.
class GradientProbe : public ProbeTest {
 protected:
  double loss(const TokenSequence& sequence, const at::Tensor& weights) const {
    return -answer_logits(sequence, weights)
                .log_softmax(1)
                .gather(1, targets(sequence).unsqueeze(1))
                .mean()
                .item<double>();
  }
  at::Tensor numeric(const TokenSequence& sequence) const {
    constexpr double step = 1e-5;
    at::Tensor moved = weights_.clone(), gradient = at::zeros_like(weights_);
    for (std::int64_t k = 0; k < moved.numel(); ++k) {
      double& x = moved.data_ptr<double>()[k];
      const double at = x;
      x = at + step;
      const double up = loss(sequence, moved);
      x = at - step;
      gradient.data_ptr<double>()[k] = (up - loss(sequence, moved)) / (2 * step);
      x = at;
    }
    return gradient;
  }
  std::vector<at::Tensor> numeric_of(const std::string& name) {
    std::vector<at::Tensor> gradients;
    for (const TokenSequence& sequence : set(name).sequences) gradients.push_back(numeric(sequence));
    return gradients;
  }
};

TEST_F(GradientProbe, CosinesAndForecastsByFiniteDifferences) {
  const std::vector<at::Tensor> held = numeric_of("held"), fresh = numeric_of("unknown");
  const at::Tensor mean_held = at::stack(held).mean(0), mean_new = at::stack(fresh).mean(0);
  const ProbeContext now = context(weights_);
  const auto probe = make("gradient_cosine", "learning_rate = 0.5\nlimit = 0");
  const std::vector<Measurement> measured = probe->measure(now);
  EXPECT_NEAR(value(measured, "cosine"), cosine_of(mean_held, mean_new), 1e-6);
  const double forecast = -0.5 * mean_held.dot(mean_new).item<double>();
  EXPECT_NEAR(value(measured, "forecast"), forecast, 1e-6 * std::abs(forecast) + 1e-9);

  double forecasts = 0;
  const auto restricted = [&](auto&& belongs) {
    at::Tensor mask = at::zeros_like(weights_);
    for (const ParameterInfo& p : model_.table().entries()) {
      if (belongs(p)) mask.narrow(0, p.offset, p.count).fill_(1);
    }
    return cosine_of(mean_held * mask, mean_new * mask);
  };
  for (const Role role : {Role::embedding, Role::attention_q, Role::attention_k, Role::attention_v, Role::attention_o,
                          Role::ffn_gate, Role::ffn_up, Role::ffn_down, Role::norm}) {
    const std::string group(role_name(role));
    EXPECT_NEAR(value(measured, "cosine." + group), restricted([&](const ParameterInfo& p) { return p.role == role; }),
                1e-5)
        << group;
    forecasts += value(measured, "forecast." + group);
  }
  EXPECT_NEAR(forecasts, forecast, 1e-6 * std::abs(forecast) + 1e-9);
  for (int layer = 1; layer <= 2; ++layer) {
    EXPECT_NEAR(value(measured, "cosine", layer),
                restricted([&](const ParameterInfo& p) { return p.layer == layer - 1; }), 1e-6);
  }
  const std::vector<float> cosines = per_fact(*probe, now, "cosine"), each = per_fact(*probe, now, "forecast");
  ASSERT_EQ(cosines.size(), held.size());
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_NEAR(cosines[i], cosine_of(held[i], mean_new), 1e-6) << i;
    EXPECT_NEAR(each[i], -0.5 * held[i].dot(mean_new).item<double>(), 1e-6) << i;
  }
}

TEST_F(ProbeTest, GradientsOfOneSetAgainstItselfAndOfFewFacts) {
  const ProbeContext now = context(weights_);
  const auto same = make("gradient_cosine", "new_set = \"held\"")->measure(now);
  EXPECT_NEAR(value(same, "cosine"), 1, 1e-12);
  EXPECT_LT(value(same, "forecast"), 0);  // its own step lowers its loss
  const auto probe = make("gradient_cosine", "limit = 1\nwhen = \"ends\"");
  const auto one = probe->measure(now), all = make("gradient_cosine")->measure(now);
  EXPECT_GT(std::abs(value(one, "cosine") - value(all, "cosine")), 1e-6);
  EXPECT_EQ(per_fact(*probe, now, "cosine").size(), 5U);  // every held fact against the mean of few
  EXPECT_NEAR(per_fact(*probe, now, "cosine")[0], value(one, "cosine"), 1e-6);
  ProbeContext between = context(weights_);
  between.first = between.phase_end = between.last = false;
  EXPECT_TRUE(probe->measure(between).empty());
  EXPECT_TRUE(probe->measure_facts(between).empty());
  const auto quiet = make("gradient_cosine", "per_fact = false");
  (void)quiet->measure(now);
  EXPECT_TRUE(quiet->measure_facts(now).empty());
}

class CompetitorProbe : public ProbeTest {
 protected:
  std::int32_t produced(std::size_t i) {
    return static_cast<std::int32_t>(
        answer_logits(set("held").sequences[i], weights_)[0].argmax().item<std::int64_t>());
  }
  std::int32_t& answer(const char* name, std::size_t i) {
    TokenSequence& sequence = set(name).sequences[i];
    return sequence.ids[sequence.loss_begin];
  }
  /// Index of the new fact with the closest key, among all or those of the relation.
  std::size_t closest(std::size_t i, bool all) {
    const auto keys = [&](const char* name) {
      return hidden_states(model_, base_, set(name), ProbePosition::subject_end, 100)[1];
    };
    const at::Tensor a = keys("held"), b = keys("unknown");
    double best = -2;
    std::size_t where = 0;
    for (std::size_t j = 0; j < set("unknown").facts.size(); ++j) {
      if (!all && set("unknown").facts[j].relation != set("held").facts[i].relation) continue;
      const double c = cosine_of(a[static_cast<std::int64_t>(i)], b[static_cast<std::int64_t>(j)]);
      if (c > best) {
        best = c;
        where = j;
      }
    }
    return where;
  }
};

TEST_F(CompetitorProbe, CountsWhoseAnswerIsProduced) {
  for (std::size_t i = 0; i < 5; ++i) {  // all wrong, but the last
    if (i < 4 && answer("held", i) == produced(i)) answer("held", i) = 14;
  }
  answer("held", 4) = produced(4);
  for (std::size_t j = 0; j < 4; ++j) answer("unknown", j) = 14;
  answer("unknown", closest(0, false)) = produced(0);
  const std::size_t far = closest(2, false) == 1 ? 3 : 1;  // the other one of relation 1
  answer("unknown", far) = produced(2);

  const ProbeContext now = context(weights_);
  for (const bool all : {false, true}) {
    const auto probe = make("competitor", all ? "among = \"set\"" : "");
    const std::vector<Measurement> measured = probe->measure(now);
    double of_new = 0, of_closest = 0, expected = 0;
    std::vector<float> new_answer(5), closest_answer(5);
    for (std::size_t i = 0; i < 4; ++i) {
      double same = 0, among = 0;
      for (std::size_t j = 0; j < 4; ++j) {
        if (!all && set("unknown").facts[j].relation != set("held").facts[i].relation) continue;
        ++among;
        if (answer("unknown", j) == produced(i)) ++same;
      }
      expected += same / among / 4;
      new_answer[i] = same > 0 ? 1.0F : 0.0F;
      closest_answer[i] = answer("unknown", closest(i, all)) == produced(i) ? 1.0F : 0.0F;
      of_new += new_answer[i] / 4;
      of_closest += closest_answer[i] / 4;
    }
    EXPECT_DOUBLE_EQ(value(measured, "wrong"), 0.8);
    EXPECT_NEAR(value(measured, "new_answer"), of_new, 1e-12);
    EXPECT_NEAR(value(measured, "closest"), of_closest, 1e-12);
    EXPECT_NEAR(value(measured, "closest_expected"), expected, 1e-12);
    EXPECT_EQ(per_fact(*probe, now, "new_answer"), new_answer);
    EXPECT_EQ(per_fact(*probe, now, "closest"), closest_answer);
    if (!all) {
      EXPECT_EQ(closest_answer[0], 1.0F);  // as constructed
      EXPECT_EQ(new_answer[2], 1.0F);
    }
  }
}

TEST_F(CompetitorProbe, NothingToCompareIfNothingIsWrongOrNobodyCompetes) {
  for (std::size_t i = 0; i < 5; ++i) answer("held", i) = produced(i);
  const std::vector<Measurement> measured = make("competitor")->measure(context(weights_));
  ASSERT_EQ(measured.size(), 1U);
  EXPECT_EQ(value(measured, "wrong"), 0.0);
}

TEST_F(CompetitorProbe, FactsWithoutARivalOfTheirRelationDoNotCount) {
  for (std::size_t i = 0; i < 5; ++i) {
    if (answer("held", i) == produced(i)) answer("held", i) = 14;
  }
  for (Fact& fact : set("unknown").facts) fact.relation = 7;
  const ProbeContext now = context(weights_);
  const auto probe = make("competitor");
  const std::vector<Measurement> measured = probe->measure(now);
  ASSERT_EQ(measured.size(), 1U);
  EXPECT_EQ(value(measured, "wrong"), 1.0);
  EXPECT_EQ(per_fact(*probe, now, "closest_cosine"), std::vector<float>(5, 0.0F));
}

TEST_F(ProbeTest, DriftOfEachFact) {
  const ProbeContext now = context(weights_);
  const auto probe = make("drift");
  const std::vector<Measurement> measured = probe->measure(now);
  const std::vector<float> each = per_fact(*probe, now, "drift");
  ASSERT_EQ(each.size(), 5U);
  double sum = 0;
  for (const float one : each) sum += one / 5.0;
  EXPECT_NEAR(sum, value(measured, "drift", 1), 1e-6);
  const auto some = make("drift", "limit = 3");
  (void)some->measure(now);
  EXPECT_TRUE(some->measure_facts(now).empty());
}

TEST_F(ProbeTest, WhenItIsDue) {
  ProbeContext now = context(weights_);
  const auto due = [&](bool first, bool phase_end, bool last) {
    now.first = first;
    now.phase_end = phase_end;
    now.last = last;
    std::string text;
    for (const ProbeTime when : {ProbeTime::always, ProbeTime::phases, ProbeTime::ends, ProbeTime::start})
      text += is_due(when, now) ? '1' : '0';
    return text;
  };
  EXPECT_EQ(due(true, false, false), "1111");
  EXPECT_EQ(due(false, false, false), "1000");
  EXPECT_EQ(due(false, true, false), "1100");
  EXPECT_EQ(due(false, true, true), "1110");
  for (const char* name : {"cka", "logit_drift", "common_shift", "competitor", "gradient_cosine"}) {
    now.first = now.phase_end = now.last = false;
    EXPECT_TRUE(make(name, "when = \"phases\"")->measure(now).empty()) << name;
    now.phase_end = true;
    EXPECT_FALSE(make(name, "when = \"phases\"")->measure(now).empty()) << name;
  }
}

TEST_F(ProbeTest, NothingBeforeTheReferenceExists) {
  for (const char* name : {"cka", "logit_drift", "common_shift", "competitor"}) {
    const auto probe = make(name, "reference = \"format\"");
    EXPECT_TRUE(probe->measure(context(weights_)).empty()) << name;
    EXPECT_TRUE(probe->measure_facts(context(weights_)).empty()) << name;
    snapshots_.weights["format"] = base_;
    EXPECT_FALSE(probe->measure(context(weights_)).empty()) << name;
    snapshots_.weights.erase("format");
  }
}

TEST_F(ProbeTest, Refuses) {
  const ProbeContext now = context(weights_);
  const auto refused = [&](const std::string& probe, const std::string& text) {
    Error error = error_of([&] { (void)make(probe, text)->measure(now); });
    EXPECT_EQ(error.kind(), ErrorKind::config) << probe;
    return error;
  };
  for (const char* name : {"overlap", "gradient_cosine", "common_shift", "neuron_overlap", "competitor"}) {
    const Error error = refused(name, "set = \"hold\"");
    EXPECT_TRUE(has(error, std::string("probe.") + name)) << name;
    EXPECT_TRUE(has(error, "did you mean 'held'?")) << name;
    EXPECT_TRUE(has(refused(name, "sett = \"held\""), "did you mean 'set'?")) << name;
  }
  for (const char* name : {"overlap", "gradient_cosine", "neuron_overlap", "competitor"}) {
    EXPECT_TRUE(has(refused(name, "new_set = \"unknwon\""), "did you mean 'unknown'?")) << name;
  }
  for (const char* name : {"cka", "logit_drift"})
    EXPECT_TRUE(has(refused(name, "sets = [\"hold\"]"), "did you mean 'held'?")) << name;
  EXPECT_TRUE(has(refused("cka", "sets = [\"neutral\"]"), "no fact set 'neutral'"));
  EXPECT_TRUE(has(refused("logit_drift", "sets = [\"neutrl\"]"), "did you mean 'neutral'?"));
  for (const char* name : {"overlap", "common_shift", "neuron_overlap", "competitor"}) {
    EXPECT_TRUE(has(refused(name, "layer = 3"), "no layer 3")) << name;
    EXPECT_TRUE(has(refused(name, "layer = -2"), "layer")) << name;
  }
  EXPECT_TRUE(has(refused("gradient_cosine", "learning_rate = 0"), "learning_rate"));
  EXPECT_TRUE(has(refused("neuron_overlap", "top = 0"), "top"));
  EXPECT_TRUE(has(refused("cka", "when = \"sometimes\""), "always"));
  sets_.push_back({"validation", {}, {}, {}, {}});
  const ProbeContext with_empty = make_probe_context(model_, weights_, snapshots_, sets_, *examples_);
  EXPECT_TRUE(
      has(error_of([&] { (void)make("common_shift", "set = \"validation\"")->measure(with_empty); }), "is empty"));
}

TEST_F(ProbeTest, PerFactValuesThatCannotBeRecorded) {
  const auto wrong = [&](const std::string& name, const std::string& of, std::vector<float> values) {
    return wrong_with(std::vector<FactMeasurement>{{name, of, std::move(values)}}, sets_);
  };
  EXPECT_EQ(wrong("x.y", "known", {1}), "");
  EXPECT_NE(wrong("x", "neutral", {1}).find("no such fact set"), std::string::npos);
  EXPECT_NE(wrong("x", "held", {1}).find("1 values for 5 facts"), std::string::npos);
  EXPECT_NE(wrong("x", "known", {std::nanf("")}).find("nan"), std::string::npos);
  for (const char* name : {"", "a,b", "a/b", "a\nb", "extra", "a.extra.b"})
    EXPECT_NE(wrong(name, "known", {1}), "") << name;
}

}  // namespace
}  // namespace stet::testing
