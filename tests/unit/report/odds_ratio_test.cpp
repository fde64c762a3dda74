#include <stet/report/odds_ratio.hpp>

#include <gtest/gtest.h>

#include <cmath>

#include "unit/report/synthetic.hpp"

namespace stet::report {
namespace {

TEST(OddsRatio, CountsDiscordantFactsOverAllRuns) {
  const std::vector<Trajectory> a{trajectory({"0000", "1110"}), trajectory({"0000", "1100"})};
  const std::vector<Trajectory> b{trajectory({"1111", "0011"}), trajectory({"1111", "1000"})};
  const auto result = paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, {200, 1, 0.95});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->only_a, 3U);  // facts 0 and 1 of the first run, fact 1 of the second
  EXPECT_EQ(result->only_b, 1U);
  EXPECT_DOUBLE_EQ(result->value, 3.5 / 1.5);
  EXPECT_LT(result->low, result->value);
  EXPECT_GT(result->high, result->value);
  const auto start = paired_odds_ratio(pointers(a), pointers(b), Measure::start_accuracy, {200, 1, 0.95});
  EXPECT_EQ(start->only_a, 0U);
  EXPECT_EQ(start->only_b, 8U);
  EXPECT_FALSE(paired_odds_ratio(pointers(a), pointers(b), Measure::ece, {200, 1, 0.95}).has_value());
}

TEST(OddsRatio, PairsWithDifferentFactsAreLeftOut) {
  const std::vector<Trajectory> a{trajectory({"1110"}), trajectory({"111"})};
  const std::vector<Trajectory> b{trajectory({"0011"}), trajectory({"0011"})};
  EXPECT_EQ(paired_odds_ratio(pointers(a), pointers(b), Measure::drop, {100, 1, 0.95})->only_a, 2U);
  const std::vector<const Trajectory*> left{&a[1]}, right{&b[1]};
  EXPECT_FALSE(paired_odds_ratio(left, right, Measure::drop, {100, 1, 0.95}).has_value());
}

/// Logit of a fact: its own difficulty, plus log(2) in arm a. The conditional odds ratio is 2, whatever the difficulty.
TEST(OddsRatio, IntervalCoversTheTruth) {
  Random random(8, "data");
  int covered = 0;
  const int repetitions = 200;
  double logs = 0;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<Trajectory> a, b;
    for (int seed = 0; seed < 6; ++seed) {
      std::string left, right;
      for (int fact = 0; fact < 150; ++fact) {
        const double logit = 1.5 * random.normal();
        left += random.uniform() < 1 / (1 + std::exp(-logit - std::log(2.0))) ? '1' : '0';
        right += random.uniform() < 1 / (1 + std::exp(-logit)) ? '1' : '0';
      }
      a.push_back(trajectory({left}));
      b.push_back(trajectory({right}));
    }
    const auto result = paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, {200, 1, 0.95});
    covered += result->low <= 2 && 2 <= result->high;
    logs += std::log(result->value) / repetitions;
  }
  EXPECT_NEAR(std::exp(logs), 2.0, 0.05);
  // Both seeds and facts are drawn, so a spread that the facts alone cause is counted twice: at least the nominal.
  EXPECT_GE(covered, 186);
}

}  // namespace
}  // namespace stet::report
