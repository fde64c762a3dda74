#include <stet/base/error.hpp>
#include <stet/report/matched.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "unit/outcomes/synthetic.hpp"

namespace stet::report {
namespace {

TEST(FirstCrossing, IsLinearBetweenEvaluations) {
  const Curve curve{{0.1, 0.5, 0.4, 0.9}, {0.0, 0.2, 0.3, 0.8}};
  EXPECT_NEAR(*first_crossing(curve, 0.3), 0.1, 1e-12);
  EXPECT_NEAR(*first_crossing(curve, 0.5), 0.2, 1e-12);  // the first time, though it falls again
  EXPECT_NEAR(*first_crossing(curve, 0.65), 0.55, 1e-12);
  EXPECT_EQ(*first_crossing(curve, 0.05), 0.0);  // there from the start
  EXPECT_FALSE(first_crossing(curve, 0.91).has_value());
}

TEST(Interpolate, AlongTheSortedPoints) {
  const std::vector<Point> points{{0.9, 0.6}, {0.5, 0.2}, {0.7, 0.1}, {0.7, 0.3}};
  EXPECT_NEAR(*interpolate(points, 0.6), 0.2, 1e-12);
  EXPECT_NEAR(*interpolate(points, 0.8), 0.4, 1e-12);
  EXPECT_EQ(*interpolate(points, 0.5), 0.2);
  EXPECT_FALSE(interpolate(points, 0.49).has_value());
  EXPECT_FALSE(interpolate(points, 0.95).has_value());
}

TEST(FrontArea, IsTheUnionOfRectangles) {
  EXPECT_DOUBLE_EQ(front_area(std::vector<Point>{{0.5, 0.8}}), 0.4);
  EXPECT_DOUBLE_EQ(front_area(std::vector<Point>{{0.5, 0.8}, {0.9, 0.4}, {0.4, 0.3}}), 0.9 * 0.4 + 0.5 * 0.4);
  EXPECT_EQ(front_area({}), 0.0);
  // Against counting cells of a grid.
  Random random(1, "data");
  std::vector<Point> points;
  for (int i = 0; i < 12; ++i) points.push_back({random.uniform(), random.uniform()});
  int inside = 0;
  for (int x = 0; x < 500; ++x) {
    for (int y = 0; y < 500; ++y) {
      inside += std::any_of(points.begin(), points.end(),
                            [&](const Point& p) { return (x + 0.5) / 500 < p.x && (y + 0.5) / 500 < p.y; });
    }
  }
  EXPECT_NEAR(front_area(points), inside / 250000.0, 0.005);
}

TEST(CurveOf, FollowsTheDefinitionOfTheMeasure) {
  Trajectory at = trajectory({"00", "10", "11"}), set = trajectory({"0000", "1110", "1000"});
  const Curve forgetting = curve_of(at, set, Measure::forgetting);
  EXPECT_EQ(forgetting.x, (std::vector<double>{0, 0.5, 1}));
  EXPECT_TRUE(std::isnan(forgetting.y[0]));  // nothing was right yet
  EXPECT_EQ(forgetting.y[1], 0.0);
  EXPECT_EQ(forgetting.y[2], 2.0 / 3);
  EXPECT_EQ(*first_crossing(forgetting, 0.5), 0.0);  // at an evaluation: what was before does not matter
  EXPECT_TRUE(std::isnan(*first_crossing(forgetting, 0.25)));
  EXPECT_EQ(curve_of(at, set, Measure::final_accuracy).y, (std::vector<double>{0, 0.75, 0.25}));
  EXPECT_EQ(curve_of(at, set, Measure::drop).y.back(), 0.5);
  at.first = set.first = 2;
  EXPECT_EQ(curve_of(at, set, Measure::forgetting).y, (std::vector<double>{0}));
  at.first = 1;
  EXPECT_THROW((void)curve_of(at, set, Measure::drop), Error);
}

/// Learns p[0..] on the new set while held accuracy is q[0..].
struct Way {
  std::vector<double> learnt, kept;
};

struct Drawn {
  std::vector<Trajectory> store;
  std::vector<SeedRuns> seeds;
};

/// `spread`: of a seed's own shift of the kept accuracy of arm 1 and above.
Drawn draw(const std::vector<Way>& ways, int seeds, std::uint32_t facts, double spread, Random& random) {
  Drawn drawn;
  for (int seed = 0; seed < seeds; ++seed) {
    const double shift = spread * random.normal();
    for (std::size_t arm = 0; arm < ways.size(); ++arm) {
      std::vector<double> kept = ways[arm].kept;
      if (arm > 0) {
        for (double& x : kept) x = std::clamp(x + shift, 0.0, 1.0);
      }
      drawn.store.push_back(chance(ways[arm].learnt, facts, 3, random));
      drawn.store.push_back(chance(kept, facts, 3, random));
    }
  }
  for (int seed = 0; seed < seeds; ++seed) {
    SeedRuns& runs = drawn.seeds.emplace_back();
    for (std::size_t arm = 0; arm < ways.size(); ++arm) {
      const std::size_t at = 2 * (static_cast<std::size_t>(seed) * ways.size() + arm);
      runs.at.push_back(&drawn.store[at]);
      runs.set.push_back(&drawn.store[at + 1]);
    }
  }
  return drawn;
}

TEST(Matched, TheArmThatLearnsLessIsNotBetter) {
  Random random(2, "data");
  // Both lose 0.4 x accuracy; the arm stops at 60 %. Its end looks 0.12 better; at equal accuracy it is not.
  const std::vector<Way> ways{{{0.0, 0.3, 0.6, 0.9}, {0.9, 0.78, 0.66, 0.54}}, {{0.0, 0.3, 0.6}, {0.9, 0.78, 0.66}}};
  Drawn drawn;
  {
    std::vector<Way> same_length = ways;
    same_length[1] = {{0.0, 0.2, 0.4, 0.6}, {0.9, 0.82, 0.74, 0.66}};
    drawn = draw(same_length, 8, 1500, 0, random);
  }
  const MatchedResult result = matched_difference(drawn.seeds, Measure::final_accuracy, 0.5, {300, 1, 0.95});
  EXPECT_EQ(result.reached.size(), 8U);
  EXPECT_NEAR(result.estimate.mean, 0, 0.015);
  EXPECT_LT(result.estimate.low, 0);
  EXPECT_GT(result.estimate.high, 0);
  // Nobody but the baseline reaches 80 %.
  const MatchedResult none = matched_difference(drawn.seeds, Measure::final_accuracy, 0.8, {300, 1, 0.95});
  EXPECT_TRUE(none.reached.empty());
  EXPECT_TRUE(std::isnan(none.estimate.mean));
  EXPECT_TRUE(std::isnan(none.estimate.low));
}

TEST(Matched, IntervalCoversAlongTheTrajectory) {
  Random random(3, "data");
  // At 50 %: baseline 0.7, arm 0.8 (both linear there).
  const std::vector<Way> ways{{{0.0, 0.25, 0.75, 0.95}, {0.9, 0.8, 0.6, 0.5}},
                              {{0.0, 0.30, 0.70, 0.90}, {0.9, 0.85, 0.75, 0.7}}};
  int covered = 0;
  double mean = 0;
  const int repetitions = 150;
  for (int i = 0; i < repetitions; ++i) {
    const Drawn drawn = draw(ways, 8, 100, 0.03, random);
    const MatchedResult result = matched_difference(drawn.seeds, Measure::final_accuracy, 0.5, {150, 1, 0.95});
    covered += result.estimate.low <= 0.1 && 0.1 <= result.estimate.high;
    mean += result.estimate.mean / repetitions;
  }
  EXPECT_NEAR(mean, 0.1, 0.01);
  EXPECT_GE(covered, 135);
}

TEST(Matched, AFamilyIsReadAtTheBaselinesOwnEnd) {
  Random random(4, "data");
  // The sweep's ends lie on kept = 1 - 0.4 learnt; the baseline ends at 0.75 with kept 0.5: difference 0.2.
  const std::vector<Way> ways{
      {{0.0, 0.75}, {1, 0.5}}, {{0.0, 0.5}, {1, 0.8}}, {{0.0, 0.95}, {1, 0.62}}, {{0.0, 0.7}, {1, 0.72}}};
  int covered = 0;
  const int repetitions = 100;
  for (int i = 0; i < repetitions; ++i) {
    const Drawn drawn = draw(ways, 6, 120, 0, random);
    const MatchedResult result = matched_difference(drawn.seeds, Measure::final_accuracy, std::nullopt, {150, 1, 0.95});
    EXPECT_EQ(result.reached.size(), 6U);
    covered += result.estimate.low <= 0.2 && 0.2 <= result.estimate.high;
  }
  EXPECT_GE(covered, 91);
}

TEST(Matched, OneArmIsReadAtTheBaselinesOwnEndOnItsWay) {
  const Trajectory at_base = trajectory({"0000", "1100"}), set_base = trajectory({"1111", "1100"});
  const Trajectory at_arm = trajectory({"0000", "1111"}), set_arm = trajectory({"1111", "1000"});
  const std::vector<SeedRuns> seeds{{{&at_base, &at_arm}, {&set_base, &set_arm}}};
  // The arm is at 50 % half-way: kept (1 + 0.25) / 2; the baseline ends there with 0.5.
  EXPECT_NEAR(matched_difference(seeds, Measure::final_accuracy, std::nullopt, {100, 1, 0.95}).estimate.mean, 0.125,
              1e-12);
}

TEST(Matched, SeedsOfWhoseSetNothingWasKnownAreLeftOut) {
  const Trajectory at = trajectory({"00", "11"}), known = trajectory({"1111", "1100"}),
                   kept = trajectory({"1111", "1110"}), never = trajectory({"0000", "0000"});
  std::vector<SeedRuns> seeds(8, {{&at, &at}, {&known, &kept}});
  seeds[2].set[1] = &never;
  const MatchedResult result = matched_difference(seeds, Measure::forgetting, 1.0, {500, 1, 0.95});
  EXPECT_EQ(result.undefined, (std::vector<std::size_t>{2}));
  EXPECT_EQ(result.reached.size(), 7U);
  EXPECT_DOUBLE_EQ(result.estimate.mean, -0.25);
  EXPECT_FALSE(std::isnan(result.estimate.low));
  std::vector<SeedRuns> three(8, {{&at, &at, &at}, {&known, &kept, &kept}});
  three[0].set[0] = &never;
  const ShareResult share = share_of_gain(three, Measure::forgetting, false, std::nullopt, {500, 1, 0.95});
  EXPECT_EQ(share.undefined, (std::vector<std::size_t>{0}));
  EXPECT_DOUBLE_EQ(share.share.mean, 1.0);
  EXPECT_DOUBLE_EQ(share.gain.mean, -0.25);
}

TEST(Share, FewSeedsGetFiellersInterval) {
  const Trajectory at = trajectory({"11"});
  std::vector<Trajectory> store;
  store.reserve(12);
  std::vector<SeedRuns> seeds;
  for (const auto& [arm, reference] : {std::pair{4U, 8U}, std::pair{5U, 9U}, std::pair{3U, 7U}, std::pair{6U, 10U}}) {
    const std::size_t first = store.size();
    for (const std::uint32_t right : {0U, reference, arm}) store.push_back(share(right, 20));
    seeds.push_back({{&at, &at, &at}, {&store[first], &store[first + 1], &store[first + 2]}});
  }
  const auto of = [&] { return share_of_gain(seeds, Measure::final_accuracy, false, std::nullopt, {200, 1, 0.95}); };
  EXPECT_DOUBLE_EQ(of().share.mean, 0.225 / 0.425);
  EXPECT_NEAR(of().share.low, 0.3794350750514643, 1e-9);  // as in Resampling.FiellersBoundsAreThoseOfTheTest
  EXPECT_NEAR(of().share.high, 0.6210061242863495, 1e-9);
  for (SeedRuns& runs : seeds) runs.set[1] = runs.set[2] = runs.set[0];
  const ShareResult nothing = of();  // 0/0
  EXPECT_TRUE(std::isnan(nothing.share.mean) && std::isnan(nothing.share.low));
  EXPECT_EQ(nothing.gain.mean, 0.0);
}

TEST(Front, CoversTheKnownArea) {
  Random random(5, "data");
  const std::vector<Way> ways{{{0.9}, {0.4}}, {{0.5}, {0.8}}};  // 0.36 + 0.5 * 0.4 = 0.56
  int covered = 0;
  for (int i = 0; i < 100; ++i) {
    const Estimate area = front_estimate(draw(ways, 6, 200, 0, random).seeds, false, {150, 1, 0.95});
    covered += area.low <= 0.56 && 0.56 <= area.high;
  }
  EXPECT_GE(covered, 91);
  const Trajectory at = trajectory({"1110", "1111"}), set = trajectory({"1111", "1000"});
  const std::vector<SeedRuns> one{{{&at}, {&set}}};
  EXPECT_DOUBLE_EQ(front_estimate(one, false, {100, 1, 0.95}).mean, 0.25);
  EXPECT_DOUBLE_EQ(front_estimate(one, true, {100, 1, 0.95}).mean, 0.8125);
}

TEST(Share, CoversTheTruthAndTellsWhenTheWholeIsNothing) {
  Random random(6, "data");
  // Baseline 0.4, reference 0.8, arm 0.6: half of the gain.
  const std::vector<Way> ways{{{0.9}, {0.4}}, {{0.9}, {0.8}}, {{0.9}, {0.6}}};
  int covered = 0, holds_zero = 0;
  for (int i = 0; i < 100; ++i) {
    const ShareResult result = share_of_gain(draw(ways, 8, 120, 0, random).seeds, Measure::final_accuracy, false,
                                             std::nullopt, {150, 1, 0.95});
    covered += result.share.low <= 0.5 && 0.5 <= result.share.high;
    holds_zero += result.gain.low <= 0;
    EXPECT_NEAR(result.gain.mean, 0.4, 0.1);
  }
  EXPECT_GE(covered, 91);
  EXPECT_EQ(holds_zero, 0);
  const std::vector<Way> nothing{{{0.9}, {0.4}}, {{0.9}, {0.4}}, {{0.9}, {0.6}}};
  const ShareResult empty = share_of_gain(draw(nothing, 8, 120, 0, random).seeds, Measure::final_accuracy, false,
                                          std::nullopt, {300, 1, 0.95});
  EXPECT_LT(empty.gain.low, 0);
  EXPECT_GT(empty.gain.high, 0);
}

TEST(Share, MatchedValuesAreTakenOnTheWay) {
  const Trajectory at = trajectory({"0000", "1111"});
  const Trajectory base = trajectory({"1111", "0000"}), reference = trajectory({"1111", "1111"}),
                   arm = trajectory({"1111", "1100"});
  const std::vector<SeedRuns> seeds{{{&at, &at, &at}, {&base, &reference, &arm}}};
  const ShareResult half = share_of_gain(seeds, Measure::final_accuracy, true, 0.5, {100, 1, 0.95});
  EXPECT_NEAR(half.gain.mean, 0.5, 1e-12);
  EXPECT_NEAR(half.share.mean, 0.5, 1e-12);
  EXPECT_NEAR(share_of_gain(seeds, Measure::final_accuracy, false, {}, {100, 1, 0.95}).gain.mean, 1, 1e-12);
}

}  // namespace
}  // namespace stet::report
