#include <stet/outcomes/odds_ratio.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "unit/outcomes/synthetic.hpp"

namespace stet::report {
namespace {

/// A pair of runs whose facts are right in a alone, in b alone, and in both.
void add_pair(std::vector<Trajectory>& a, std::vector<Trajectory>& b, std::size_t only_a, std::size_t only_b,
              std::size_t both = 2) {
  a.push_back(trajectory({std::string(only_a, '1') + std::string(only_b, '0') + std::string(both, '1')}));
  b.push_back(trajectory({std::string(only_a, '0') + std::string(only_b, '1') + std::string(both, '1')}));
}

TEST(OddsRatio, IsTheMeanOfTheSeedsLogOdds) {
  std::vector<Trajectory> a, b;
  const std::size_t only_a[] = {12, 9, 15, 7, 11, 10}, only_b[] = {5, 6, 4, 3, 7, 5};
  for (std::size_t i = 0; i < 6; ++i) add_pair(a, b, only_a[i], only_b[i]);
  // scipy: x = np.log((n10 + .5) / (n01 + .5)); np.exp(x.mean()), np.exp(stats.t.interval(0.95, 5, loc=x.mean(),
  // scale=stats.sem(x)))
  const auto result = paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, 0.95);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->only_a, 64U);
  EXPECT_EQ(result->only_b, 30U);
  EXPECT_EQ(result->seeds, 6U);
  EXPECT_NEAR(result->value, 2.038553875908909, 1e-12);
  EXPECT_NEAR(result->low, 1.46991131, 1e-7);
  EXPECT_NEAR(result->high, 2.82717867, 1e-7);
  // A run without a fact on which the arms differ says nothing.
  add_pair(a, b, 0, 0);
  EXPECT_EQ(paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, 0.95)->value, result->value);
  EXPECT_FALSE(paired_odds_ratio(pointers(a), pointers(b), Measure::ece, 0.95).has_value());
}

TEST(OddsRatio, ReadsTheEvaluationOfTheMeasure) {
  const std::vector<Trajectory> a{trajectory({"0000", "1110"}), trajectory({"0000", "1100"})};
  const std::vector<Trajectory> b{trajectory({"1111", "0011"}), trajectory({"1111", "1000"})};
  const auto end = paired_odds_ratio(pointers(a), pointers(b), Measure::forgetting, 0.95);
  EXPECT_EQ(end->only_a, 3U);  // facts 0 and 1 of the first run, fact 1 of the second
  EXPECT_EQ(end->only_b, 1U);
  const auto start = paired_odds_ratio(pointers(a), pointers(b), Measure::start_accuracy, 0.95);
  EXPECT_EQ(start->only_a, 0U);
  EXPECT_EQ(start->only_b, 8U);
}

TEST(OddsRatio, NoEndStandsOnTheAddedHalf) {
  const auto of = [](const std::vector<std::pair<std::size_t, std::size_t>>& counts) {
    std::vector<Trajectory> a, b;
    for (const auto& [only_a, only_b] : counts) add_pair(a, b, only_a, only_b);
    return *paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, 0.95);
  };
  // Nowhere right in b alone: 9.0 [9.0, 9.0] would be (4 + 1/2) / (0 + 1/2), six times.
  const OddsRatio all = of({{4, 0}, {4, 0}, {4, 0}, {4, 0}, {4, 0}, {4, 0}});
  EXPECT_TRUE(std::isnan(all.value) && std::isnan(all.low) && std::isnan(all.high));
  EXPECT_EQ(all.only_a, 24U);
  // At one seed: no upper bound; the lower one stays.
  const OddsRatio upper = of({{9, 2}, {8, 3}, {10, 2}, {7, 0}, {9, 3}, {8, 2}});
  EXPECT_EQ(upper.high, std::numeric_limits<double>::infinity());
  EXPECT_GT(upper.low, 1.0);
  EXPECT_LT(upper.low, upper.value);
  const OddsRatio lower = of({{2, 9}, {3, 8}, {2, 10}, {0, 7}, {3, 9}, {2, 8}});
  EXPECT_EQ(lower.low, 0.0);
  EXPECT_NEAR(lower.high, 1 / upper.low, 1e-12);
  const OddsRatio one = of({{9, 2}});
  EXPECT_NEAR(one.value, 9.5 / 2.5, 1e-12);
  EXPECT_TRUE(std::isnan(one.low));
  EXPECT_TRUE(std::isnan(of({{0, 0}, {0, 0}}).value));  // no fact on which the arms differ
}

TEST(OddsRatio, PairsWithDifferentFactsAreLeftOut) {
  const std::vector<Trajectory> a{trajectory({"1110"}), trajectory({"111"})};
  const std::vector<Trajectory> b{trajectory({"0011"}), trajectory({"0011"})};
  EXPECT_EQ(paired_odds_ratio(pointers(a), pointers(b), Measure::drop, 0.95)->only_a, 2U);
  const std::vector<const Trajectory*> left{&a[1]}, right{&b[1]};
  EXPECT_FALSE(paired_odds_ratio(left, right, Measure::drop, 0.95).has_value());
}

/// Logit of a fact: its own difficulty, plus log(2) and what the seed adds in arm a. The conditional odds ratio is 2
/// (in the middle over seeds), whatever the difficulty. With few facts the arms differ on about two a seed, and many a
/// count is 0.
TEST(OddsRatio, IntervalCoversTheTruth) {
  Random random(8, "data");
  for (const int seeds : {6, 8}) {
    for (const auto& [facts, spread] : {std::pair{150, 0.0}, std::pair{150, 0.5}, std::pair{12, 0.0}}) {
      int covered = 0, above = 0, below = 0, valued = 0;
      constexpr int repetitions = 400;
      double logs = 0;
      for (int repetition = 0; repetition < repetitions; ++repetition) {
        std::vector<Trajectory> a, b;
        for (int seed = 0; seed < seeds; ++seed) {
          const double effect = std::log(2.0) + spread * random.normal();
          std::string left, right;
          for (int fact = 0; fact < facts; ++fact) {
            const double logit = 1.5 * random.normal();
            left += random.uniform() < 1 / (1 + std::exp(-logit - effect)) ? '1' : '0';
            right += random.uniform() < 1 / (1 + std::exp(-logit)) ? '1' : '0';
          }
          a.push_back(trajectory({left}));
          b.push_back(trajectory({right}));
        }
        const auto result = paired_odds_ratio(pointers(a), pointers(b), Measure::final_accuracy, 0.95);
        if (std::isnan(result->low)) continue;
        ++valued;
        above += result->low > 2;
        below += result->high < 2;
        covered += result->low <= 2 && 2 <= result->high;
        logs += std::log(result->value);
      }
      const std::string where = std::to_string(seeds) + " seeds, " + std::to_string(facts) + " facts";
      const std::string key = std::to_string(seeds) + "_" + std::to_string(facts) + (spread > 0 ? "_spread" : "");
      RecordProperty("covered_" + key, covered);
      RecordProperty("outside_" + key, std::to_string(above) + " above, " + std::to_string(below) + " below of " +
                                           std::to_string(valued));
      EXPECT_GE(covered, 0.925 * valued) << where;
      EXPECT_LE(above, 0.045 * valued) << where;  // 2.5 %, and two and a half standard errors
      EXPECT_LE(below, 0.045 * valued) << where;
      EXPECT_GT(valued, 0.95 * repetitions) << where;
      if (facts == 150) {
        EXPECT_NEAR(std::exp(logs / valued), 2.0, 0.05) << where;
      }
    }
  }
}

}  // namespace
}  // namespace stet::report
