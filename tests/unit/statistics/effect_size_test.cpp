#include <stet/base/philox.hpp>
#include <stet/statistics/effect_size.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace stet::report {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

void expect_effect(const std::vector<double>& differences, double confidence, double value, double low, double high) {
  const EffectSize effect = effect_size(differences, confidence);
  EXPECT_NEAR(effect.value, value, 1e-8 * std::abs(value));
  EXPECT_NEAR(effect.low, low, 1e-6 * std::abs(value));
  EXPECT_NEAR(effect.high, high, 1e-6 * std::abs(value));
}

// scipy, for d with m = n - 1 and t = sqrt(n) mean / sd: value = exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / sqrt(m /
// 2) * mean / sd; ends: brentq over c of quad(lambda s: 2 * m * s * chi2.pdf(m * s * s, m) * norm.cdf(t * s - c), 0, 8)
// - p for p = 0.975 and 0.025, over sqrt(n) (nct.cdf gives the same where it does not overflow).
TEST(EffectSize, AgreesWithScipy) {
  expect_effect({1, 2, 3}, 0.95, 1.1283791670955128, -0.14156417860223247,
                4.105494594597381);  // d = 2, J(2) = 1 / sqrt(pi)
  expect_effect({0.01, -0.005, 0.004, 0.012, -0.008, 0.003}, 0.95, 0.2823156729675554, -0.5047984608441011,
                1.1459178919628359);
  const std::vector<double> fall{-0.21, -0.13, -0.17, -0.2, -0.11, -0.15, -0.19, -0.12};
  expect_effect(fall, 0.95, -3.722897740922619, -6.436459304530138, -1.9331377058788601);
  expect_effect(fall, 0.9, -3.722897740922619, -6.025153907187286, -2.232478689659113);
  expect_effect({0.2, 0.2, 0.2, 0.2, 0.2, 0.25}, 0.95, 8.580855308097837, 4.0982561933329436, 16.395543310115176);
}

TEST(EffectSize, FarOutOnlyTheDeviationIsUncertain) {
  const EffectSize effect = effect_size(std::vector<double>{10.0, 10.05, 9.97, 10.02, 10.01, 9.99}, 0.95);  // t = 897
  EXPECT_NEAR(effect.value, 307.88763437905885, 1e-6);
  EXPECT_NEAR(effect.low, 149.31096640319996, 1e-2);
  EXPECT_NEAR(effect.high, 586.675089359989, 1e-2);
  const EffectSize mirrored = effect_size(std::vector<double>{-10.0, -10.05, -9.97, -10.02, -10.01, -9.99}, 0.95);
  EXPECT_NEAR(mirrored.low, -effect.high, 1e-6);
  EXPECT_NEAR(mirrored.high, -effect.low, 1e-6);
}

TEST(EffectSize, WithoutSpreadOrData) {
  const std::vector<double> up(7, 0.1), down(7, -0.1), none(7, 0.0);  // the rounded mean is not quite 0.1
  EXPECT_EQ(effect_size(up, 0.95).value, infinity);
  EXPECT_EQ(effect_size(down, 0.95).value, -infinity);
  EXPECT_EQ(effect_size(none, 0.95).value, 0.0);
  EXPECT_TRUE(std::isnan(effect_size(up, 0.95).low));
  EXPECT_TRUE(std::isnan(effect_size(std::vector<double>{0.3}, 0.95).value));
  EXPECT_TRUE(std::isnan(effect_size({}, 0.95).value));
  EXPECT_TRUE(std::isnan(effect_size(std::vector<double>{0.3, infinity, 0.1}, 0.95).value));
  const EffectSize two = effect_size(std::vector<double>{0.2, 0.4}, 0.95);  // no mean exists that could be corrected
  EXPECT_TRUE(std::isnan(two.value));
  EXPECT_LT(two.low, two.high);
}

TEST(EffectSize, IsRightOnAverageAndCovers) {
  Random random(31, "effect");
  for (const int seeds : {6, 8}) {
    for (const double truth : {0.0, 1.0, 4.0}) {
      double mean = 0;
      int covered = 0;
      constexpr int repetitions = 1000;
      for (int i = 0; i < repetitions; ++i) {
        std::vector<double> differences;
        for (int seed = 0; seed < seeds; ++seed) differences.push_back(0.03 * (truth + random.normal()));
        const EffectSize effect = effect_size(differences, 0.95);
        mean += effect.value / repetitions;
        covered += effect.low <= truth && truth <= effect.high ? 1 : 0;
      }
      RecordProperty("covered_" + std::to_string(seeds) + "_" + std::to_string(static_cast<int>(truth)), covered);
      EXPECT_NEAR(mean, truth, 0.04 + 0.04 * truth)
          << seeds;  // some three standard errors; uncorrected, 4 would be 4.76 with six seeds
      EXPECT_NEAR(covered / double(repetitions), 0.95, 0.021) << seeds << " seeds, " << truth;
    }
  }
}

}  // namespace
}  // namespace stet::report
