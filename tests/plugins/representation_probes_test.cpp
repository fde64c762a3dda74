// The probes that compare representations (cka, logit_drift, common_shift, neuron_overlap) against independent
// compositions in float64, and known cases.
#include "probe_fixture.hpp"

#include <algorithm>

namespace stet::testing {
namespace {

/// tr(K H L H) / sqrt(tr(K H K H) tr(L H L H)) with the centring matrix H: the definition by way of HSIC.
double cka_by_hsic(const at::Tensor& x, const at::Tensor& y) {
  const std::int64_t n = x.size(0);
  const at::Tensor h = at::eye(n, at::kDouble) - 1.0 / static_cast<double>(n);
  const auto hsic = [&](const at::Tensor& a, const at::Tensor& b) {
    return a.matmul(a.t()).matmul(h).matmul(b.matmul(b.t())).matmul(h).trace().item<double>();
  };
  return hsic(x, y) / std::sqrt(hsic(x, x) * hsic(y, y));
}

TEST_F(ProbeTest, CkaKnownCases) {
  const auto measured = make("cka")->measure(context(base_));
  for (int layer = 0; layer <= 2; ++layer) EXPECT_NEAR(value(measured, "cka", layer), 1, 1e-12);

  const at::Tensor wide = normal({5, 8}, "wide"), tall = normal({20, 3}, "tall"), other = normal({20, 3}, "other");
  const at::Tensor mirror = normal({8, 1}, "mirror");
  const at::Tensor rotation = at::eye(8, at::kDouble) - 2 * mirror.matmul(mirror.t()) / mirror.square().sum();
  at::Tensor left = at::zeros({4, 2}, at::kDouble), right = at::zeros({4, 2}, at::kDouble);
  for (const std::int64_t i : {0, 1, 2, 3}) {
    left[i][0] = i < 2 ? 1.0 : -1.0;
    right[i][0] = i % 2 == 0 ? 1.0 : -1.0;
  }
  const at::Tensor same_rows = normal({1, 3}, "row").expand({20, 3}).contiguous();
  const auto cases = make("cka")->measure(
      with_states({wide, tall, left, same_rows}, {wide.matmul(rotation) * 3 + 7, other, right, other}));
  EXPECT_NEAR(value(cases, "cka", 0), 1, 1e-12);  // rotation, scale, shift
  EXPECT_NEAR(value(cases, "cka", 1), cka_by_hsic(tall, other), 1e-12);
  EXPECT_GT(value(cases, "cka", 1), 0.01);
  EXPECT_LT(value(cases, "cka", 1), 0.9);
  EXPECT_NEAR(value(cases, "cka", 2), 0, 1e-12);  // orthogonal contrasts
  EXPECT_FALSE(has_value(cases, "cka", 3));       // nothing to compare
}

TEST_F(ProbeTest, CkaOfTheModel) {
  const auto measured =
      make("cka", "sets = [\"held\", \"unknown\"]\nposition = \"prompt_end\"\nlimit = 4")->measure(context(weights_));
  for (const char* of : {"held", "unknown"}) {
    for (int layer = 1; layer <= 2; ++layer) {
      const auto states = [&](const at::Tensor& w) {
        return hidden_states(model_, w, set(of), ProbePosition::prompt_end, 4)[static_cast<std::size_t>(layer)];
      };
      EXPECT_NEAR(value(measured, "cka", layer, of), cka_by_hsic(states(weights_), states(base_)), 1e-9);
    }
  }
}

TEST_F(ProbeTest, LogitDriftIsZeroForEqualWeightsAndAPlainSumOtherwise) {
  for (const Measurement& m : make("logit_drift")->measure(context(base_))) EXPECT_EQ(m.value, 0.0) << m.set;

  const ProbeContext now = context(weights_);
  const auto probe = make("logit_drift", "text_limit = 2");
  const std::vector<Measurement> measured = probe->measure(now);
  EXPECT_EQ(measured.size(), 3U);
  const std::vector<TokenSequence> texts = {{{2, 4, 6, 8}, 1, 0}, {{3, 6, 9}, 1, 0}};
  for (const char* of : {"held", "unknown", "neutral"}) {
    const bool neutral = std::string(of) == "neutral";
    double sum = 0, rows = 0;
    std::vector<double> means;
    for (const TokenSequence& sequence : neutral ? texts : set(of).sequences) {
      const at::Tensor p = answer_logits(sequence, base_).softmax(1), q = answer_logits(sequence, weights_).softmax(1);
      const double kl = (p * (p / q).log()).sum().item<double>();
      sum += kl;
      rows += static_cast<double>(p.size(0));
      means.push_back(kl / static_cast<double>(p.size(0)));
    }
    EXPECT_NEAR(value(measured, "kl", -1, of), sum / rows, 1e-12) << of;
    EXPECT_GT(sum, 1e-3);
    if (neutral) continue;
    const std::vector<float> each = per_fact(*probe, now, "kl", of);
    ASSERT_EQ(each.size(), means.size());
    for (std::size_t i = 0; i < each.size(); ++i) EXPECT_NEAR(each[i], means[i], 1e-6) << of << i;
  }
  EXPECT_EQ(probe->measure_facts(now).size(), 2U);  // none of the texts
  const auto limited = make("logit_drift", "limit = 2");
  EXPECT_NE(value(limited->measure(now), "kl"), value(measured, "kl"));
  EXPECT_TRUE(limited->measure_facts(now).empty());  // not the whole set
}

TEST_F(ProbeTest, CommonShiftKnownCase) {
  // Relations of the held facts: 0 0 1 1 0.
  const at::Tensor then = normal({5, 2}, "then");
  const at::Tensor common = at::tensor(std::vector<double>{3, 4, 3, 4, 0, 1, 0, 1, 3, 4}).view({5, 2});
  const at::Tensor own = at::tensor(std::vector<double>{1, 0, -1, 2, 0, -2, 0, 2, 0, -2}).view({5, 2});
  const ProbeContext now = with_states({then, then, then}, {then, then + common + own, then + common});
  const auto probe = make("common_shift", "layer = 1");
  const std::vector<Measurement> measured = probe->measure(now);
  const double shift = std::sqrt((3 * 25 + 2 * 1) / 5.0), specific = std::sqrt((1 + 5 + 4 + 4 + 4) / 5.0);
  EXPECT_NEAR(value(measured, "shift", 1), shift, 1e-12);
  EXPECT_NEAR(value(measured, "specific", 1), specific, 1e-12);
  EXPECT_NEAR(value(measured, "ratio", 1), shift / specific, 1e-12);
  const double size = std::sqrt((then * then).sum().item<double>() / 5);
  EXPECT_NEAR(value(measured, "relative", 1), std::sqrt(shift * shift + specific * specific) / size, 1e-12);
  EXPECT_EQ(value(measured, "shift", 0), 0.0);  // nothing has moved
  EXPECT_EQ(value(measured, "specific", 0), 0.0);
  EXPECT_EQ(value(measured, "relative", 0), 0.0);
  EXPECT_FALSE(has_value(measured, "ratio", 0));
  EXPECT_NEAR(value(measured, "shift", 2), shift, 1e-12);
  EXPECT_LT(value(measured, "specific", 2), 1e-12);
  const std::vector<float> shifts = per_fact(*probe, now, "shift"), owns = per_fact(*probe, now, "specific");
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(shifts[i], i == 2 || i == 3 ? 1 : 5, 1e-6);
    EXPECT_NEAR(owns[i], own[static_cast<std::int64_t>(i)].norm().item<double>(), 1e-6);
  }
  const auto over_all = make("common_shift", "by = \"set\"")->measure(now);
  EXPECT_NEAR(value(over_all, "shift", 2), std::hypot(9.0 / 5, 14.0 / 5), 1e-12);
  const auto some = make("common_shift", "limit = 2");
  ProbeContext two = context(weights_);
  EXPECT_EQ(some->measure(two).size(), make("common_shift")->measure(two).size());
  EXPECT_TRUE(some->measure_facts(two).empty());
}

TEST_F(ProbeTest, NeuronOverlapByBruteForce) {
  const ProbeContext now = context(base_);
  const auto probe = make("neuron_overlap", "top = 3\nlayer = 2");
  const std::vector<Measurement> measured = probe->measure(now);
  const auto strongest = [](const at::Tensor& row) {
    std::vector<std::int64_t> order;
    for (std::int64_t k = 0; k < row.numel(); ++k) order.push_back(k);
    std::sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
      return std::abs(row[i].item<double>()) > std::abs(row[j].item<double>());
    });
    order.resize(3);
    std::sort(order.begin(), order.end());
    return order;
  };
  for (int layer = 1; layer <= 2; ++layer) {
    const auto of = [&](const char* name) {
      return neurons(model_, base_, set(name), ProbePosition::subject_end, 100)[static_cast<std::size_t>(layer) - 1];
    };
    const at::Tensor a = of("held"), b = of("unknown");
    double cosines = 0, jaccards = 0, mean = 0;
    for (std::int64_t i = 0; i < 5; ++i) {
      double best_cosine = -2, best_jaccard = -1;
      for (std::int64_t j = 0; j < 4; ++j) {
        std::vector<std::int64_t> common;
        const auto left = strongest(a[i]), right = strongest(b[j]);
        std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(common));
        const double jaccard = static_cast<double>(common.size()) / static_cast<double>(6 - common.size());
        best_jaccard = std::max(best_jaccard, jaccard);
        mean += jaccard / 20;
        best_cosine = std::max(best_cosine, cosine_of(a[i], b[j]));
      }
      cosines += best_cosine / 5;
      jaccards += best_jaccard / 5;
      if (layer == 2) {
        EXPECT_NEAR(per_fact(*probe, now, "cosine_max")[static_cast<std::size_t>(i)], best_cosine, 1e-6);
        EXPECT_NEAR(per_fact(*probe, now, "jaccard_max")[static_cast<std::size_t>(i)], best_jaccard, 1e-6);
      }
    }
    EXPECT_NEAR(value(measured, "cosine_max", layer), cosines, 1e-12);
    EXPECT_NEAR(value(measured, "jaccard_max", layer), jaccards, 1e-12);
    EXPECT_NEAR(value(measured, "jaccard_mean", layer), mean, 1e-12);
  }
  // Against itself; and with more neurons than the layer has.
  const auto same = make("neuron_overlap", "new_set = \"held\"\ntop = 3")->measure(now);
  EXPECT_NEAR(value(same, "cosine_max", 1), 1, 1e-12);
  EXPECT_NEAR(value(same, "jaccard_max", 1), 1, 1e-12);
  EXPECT_NEAR(value(make("neuron_overlap")->measure(now), "jaccard_mean", 2), 1, 1e-12);
}

}  // namespace
}  // namespace stet::testing
