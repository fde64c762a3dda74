#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/outcomes/bootstrap.hpp>
#include <stet/statistics/resampling.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "unit/outcomes/synthetic.hpp"

namespace stet::report {
namespace {

constexpr std::array all_measures = {Measure::final_accuracy, Measure::start_accuracy, Measure::peak_accuracy,
                                     Measure::forgetting, Measure::drop};

/// The same bootstrap, written plainly: other random numbers, `measure` over sampled facts. `tail` is left out on
/// either side.
Estimate plain_bootstrap(const std::vector<Trajectory>& runs, Measure which, int draws, double tail) {
  Random random(99, "plain");
  std::vector<double> means;
  for (int draw = 0; draw < draws; ++draw) {
    double sum = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const Trajectory& t = runs[random.below(runs.size())];
      std::vector<std::uint32_t> sample;
      for (std::uint32_t fact = 0; fact < t.facts; ++fact) {
        std::uint32_t other = 0;
        do other = static_cast<std::uint32_t>(random.below(t.facts));
        while (t.stratum[other] != t.stratum[fact]);
        sample.push_back(other);
      }
      sum += measure(t, which, sample);
    }
    means.push_back(sum / static_cast<double>(runs.size()));
  }
  std::sort(means.begin(), means.end());
  const auto at = [&](double q) { return means[static_cast<std::size_t>(q * (draws - 1))]; };
  return {0, at(tail), at(1 - tail), {}};
}

TEST(Bootstrap, AgreesWithAPlainOneInAllMeasures) {
  Random random(3, "data");
  std::vector<Trajectory> runs;
  // 40 evaluations: two blocks of 32; 300 facts: two pieces of 255; 3 strata.
  for (int seed = 0; seed < 6; ++seed) {
    std::vector<double> p;
    for (int s = 0; s < 40; ++s) p.push_back(0.3 + 0.5 * std::sin(0.08 * s) + 0.02 * seed);
    runs.push_back(chance(p, 300, 3, random));
    runs.back().first = 2;
  }
  for (const Measure m : all_measures) {
    const Estimate fast = hierarchical_bootstrap(pointers(runs), m, {4000, 1, 0.6});
    // scipy: stats.norm.sf(stats.t.ppf(0.8, 5) * sqrt(6 / 5))
    const Estimate plain = plain_bootstrap(runs, m, 4000, 0.15689);
    const double width = plain.high - plain.low;
    EXPECT_NEAR(fast.low, plain.low, 0.08 * width) << name_of(m);
    EXPECT_NEAR(fast.high, plain.high, 0.08 * width) << name_of(m);
    double mean = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(fast.per_seed[i], measure(runs[i], m));
      mean += fast.per_seed[i] / 6;
    }
    EXPECT_NEAR(fast.mean, mean, 1e-15);
  }
}

TEST(Bootstrap, IsAFunctionOfDataAndSeed) {
  Random random(4, "data");
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 6; ++seed) runs.push_back(chance({0.5, 0.6}, 50, 2, random));
  const BootstrapOptions options{500, 7, 0.95};
  const Estimate a = hierarchical_bootstrap(pointers(runs), Measure::forgetting, options);
  const Estimate b = hierarchical_bootstrap(pointers(runs), Measure::forgetting, options);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  const Estimate c = hierarchical_bootstrap(pointers(runs), Measure::forgetting, {500, 8, 0.95});
  EXPECT_NE(a.low + a.high, c.low + c.high);
  const Estimate narrow = hierarchical_bootstrap(pointers(runs), Measure::forgetting, {500, 7, 0.5});
  EXPECT_LT(narrow.high - narrow.low, a.high - a.low);
}

TEST(Bootstrap, DrawsFactsWithinTheirStratum) {
  // Each stratum is all right or all wrong: within strata there is nothing to vary, over all facts there is.
  std::vector<Trajectory> runs(6, trajectory({"10101010101010101010"}, 2));
  const Estimate within = hierarchical_bootstrap(pointers(runs), Measure::final_accuracy, {1000, 1, 0.95});
  EXPECT_EQ(within.low, 0.5);
  EXPECT_EQ(within.high, 0.5);
  for (Trajectory& t : runs) std::fill(t.stratum.begin(), t.stratum.end(), 0U);
  const Estimate over = hierarchical_bootstrap(pointers(runs), Measure::final_accuracy, {10000, 1, 0.95});
  const double expanded = 2.8159;  // deviations that leave 0.243 % out
  EXPECT_NEAR(over.low, 0.5 - expanded * std::sqrt(0.25 / 20 / 6), 0.015);
  EXPECT_NEAR(over.high, 0.5 + expanded * std::sqrt(0.25 / 20 / 6), 0.015);
}

TEST(Bootstrap, DrawsSeeds) {
  // No variation inside a seed. All six draws from three 0 and three 1 are 0 in 1.6 % of the draws: beyond the expanded
  // tail.
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 6; ++seed) runs.push_back(share(seed % 2 == 0 ? 0 : 10, 10));
  const Estimate e = hierarchical_bootstrap(pointers(runs), Measure::final_accuracy, {1000, 1, 0.95});
  EXPECT_EQ(e.mean, 0.5);
  EXPECT_EQ(e.low, 0.0);
  EXPECT_EQ(e.high, 1.0);
}

TEST(Bootstrap, FewSeedsGetStudentsIntervalAndOneNone) {
  const std::vector<Trajectory> runs{share(1, 10), share(2, 10), share(4, 10), share(5, 10)};
  const auto of = [](const std::vector<Trajectory>& some) {
    return hierarchical_bootstrap(pointers(some), Measure::final_accuracy, {400, 1, 0.95});
  };
  // scipy: stats.t.interval(0.95, 3, loc=np.mean(x), scale=stats.sem(x)) for x = [.1, .2, .4, .5]
  EXPECT_NEAR(of(runs).low, 0.009483728424523552, 1e-12);
  EXPECT_NEAR(of(runs).high, 0.5905162715754766, 1e-12);
  const Estimate one = of({share(3, 10)});
  EXPECT_DOUBLE_EQ(one.mean, 0.3);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.high));
  // No accuracy is above 1 or below 0: 0.95 -+ 12.706 * 0.05.
  const Estimate two = of({share(9, 10), share(10, 10)});
  EXPECT_NEAR(two.low, 0.95 - 0.6353102368087348, 1e-12);
  EXPECT_EQ(two.high, 1.0);
  const std::vector<Trajectory> up{share(10, 10), share(0, 10)}, down{share(0, 10), share(10, 10)};
  EXPECT_EQ(paired_difference(pointers(up), pointers(down), Measure::final_accuracy, {}).low,
            -1.0);  // of differences 1 and -1
}

TEST(Bootstrap, ForgettingOfWhatWasNeverKnownIsNoNumber) {
  const std::vector<Trajectory> never(6, trajectory({"0000", "0000"}));
  const Estimate none = hierarchical_bootstrap(pointers(never), Measure::forgetting, {100, 1, 0.95});
  EXPECT_TRUE(std::isnan(none.mean) && std::isnan(none.low) && std::isnan(none.high));
  // One fact of twenty was known, and is known no more. A resample without it (36 %) says nothing, one with it that all
  // was forgotten.
  const std::string zeros(19, '0');
  const std::vector<Trajectory> hardly(6, trajectory({"1" + zeros, "0" + zeros}));
  const Estimate all = hierarchical_bootstrap(pointers(hardly), Measure::forgetting, {500, 1, 0.95});
  EXPECT_EQ(all.low, 1.0);
  EXPECT_EQ(all.high, 1.0);
  // Of two arms that knew one fact each, not the same, both must have been drawn.
  const std::vector<Trajectory> other(6, trajectory({"01" + zeros.substr(1), "01" + zeros.substr(1)}));
  const Estimate difference = paired_difference(pointers(hardly), pointers(other), Measure::forgetting, {500, 1, 0.95});
  EXPECT_EQ(difference.low, 1.0);
  EXPECT_EQ(difference.high, 1.0);
}

TEST(Resampling, EndsThatTheDrawsDoNotReachAreTheirExtremes) {
  std::vector<double> draws;
  for (int i = 0; i <= 100; ++i) draws.push_back(i);
  const Interval inside = percentile_interval(draws, 0.025);
  EXPECT_DOUBLE_EQ(inside.low, 2.5);
  EXPECT_DOUBLE_EQ(inside.high, 97.5);
  EXPECT_FALSE(reaches(101, 0.0099));
  EXPECT_TRUE(reaches(101, 0.0101));
  const Interval beyond = percentile_interval(draws, 0.005);
  EXPECT_EQ(beyond.low, 0);
  EXPECT_EQ(beyond.high, 100);
}

TEST(Resampling, FiellersBoundsAreThoseOfTheTest) {
  const std::vector<double> arm{0.2, 0.25, 0.15, 0.3}, reference{0.4, 0.45, 0.35, 0.5};
  // scipy: brentq of (z.mean() / (z.std(ddof=1) / 2) -+ stats.t.ppf(0.975, 3)), z = arm - r * reference, on either side
  // of the ratio of the means
  const Interval interval = fieller_interval(arm, reference, 0.95);
  EXPECT_NEAR(interval.low, 0.3794350750514643, 1e-9);
  EXPECT_NEAR(interval.high, 0.6210061242863495, 1e-9);
  const std::vector<double> nothing{0.1, -0.1, 0.2, -0.15};
  EXPECT_TRUE(std::isnan(fieller_interval(arm, nothing, 0.95).low));
  EXPECT_TRUE(std::isnan(fieller_interval(std::vector<double>{0.1}, std::vector<double>{0.2}, 0.95).low));
}

TEST(Bootstrap, TailsAreExpandedForFewSeeds) {
  EXPECT_EQ(expanded_tail(0.95, 0), (1 - 0.95) / 2);
  EXPECT_EQ(expanded_tail(0.95, 1), (1 - 0.95) / 2);
  EXPECT_NEAR(expanded_tail(0.95, 8), 0.00573, 2e-5);  // t = 2.3646, sqrt(8 / 7) t = 2.5279
  EXPECT_NEAR(expanded_tail(0.95, 6), 0.00243, 2e-5);  // t = 2.5706, sqrt(6 / 5) t = 2.8159
  EXPECT_NEAR(expanded_tail(0.95, 100000), 0.025, 1e-5);
  for (std::size_t n = 2; n < 50; ++n) EXPECT_LT(expanded_tail(0.9, n), expanded_tail(0.9, n + 1));
}

/// How often of `data_sets` the interval of `seeds` seeds holds the truth. `spread` is between seeds; facts add their
/// own.
double coverage(int seeds, std::uint32_t facts, double spread, int data_sets) {
  Random random(21, "coverage", static_cast<std::uint64_t>(seeds) * 100000 + facts);
  constexpr double truth = 0.7;
  int covered = 0;
  for (int k = 0; k < data_sets; ++k) {
    std::vector<Trajectory> runs;
    for (int seed = 0; seed < seeds; ++seed) {
      runs.push_back(chance({std::clamp(truth + spread * random.normal(), 0.0, 1.0)}, facts, 4, random));
    }
    const Estimate e = hierarchical_bootstrap(pointers(runs), Measure::final_accuracy, {1000, 1, 0.95});
    covered += e.low <= truth && truth <= e.high;
  }
  return covered / static_cast<double>(data_sets);
}

TEST(Bootstrap, CoversAKnownTruth) {
  // Two standard errors of 400 data sets are 0.022. Facts are drawn on top of seeds, so that with few of them it covers
  // more. Below six seeds it is Student's interval.
  for (const int seeds : {3, 5, 6, 8}) {
    EXPECT_NEAR(coverage(seeds, 400, 0.08, 400), 0.95, 0.03) << seeds;
    if (seeds >= 6) {
      EXPECT_GE(coverage(seeds, 60, 0.02, 400), 0.94) << seeds;
    }
  }
}

TEST(PairedDifference, SameOutcomesDifferByNothing) {
  Random random(6, "data");
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 6; ++seed) runs.push_back(chance({0.4, 0.8, 0.6}, 60, 3, random));
  // The same seed draw and the same fact draw on both sides: exactly 0 in every draw.
  for (const Measure m : all_measures) {
    const Estimate e = paired_difference(pointers(runs), pointers(runs), m, {500, 1, 0.95});
    EXPECT_EQ(e.low, 0.0) << name_of(m);
    EXPECT_EQ(e.high, 0.0) << name_of(m);
  }
  // Other facts: their sampling no longer cancels.
  std::vector<Trajectory> others = runs;
  for (Trajectory& t : others) t.fact_ids[0] = 1;
  const Estimate apart = paired_difference(pointers(runs), pointers(others), Measure::drop, {500, 1, 0.95});
  EXPECT_LT(apart.low, 0.0);
  EXPECT_GT(apart.high, 0.0);
}

TEST(PairedDifference, ExcludesZeroWhenItShouldAndCoversItWhenItShould) {
  Random random(8, "data");
  int excluded_without_effect = 0;
  constexpr int data_sets = 200;
  for (int k = 0; k < data_sets; ++k) {
    std::vector<Trajectory> a, b, c;
    for (int seed = 0; seed < 8; ++seed) {
      const double level = 0.6 + 0.05 * random.normal();
      a.push_back(chance({level}, 200, 4, random));
      b.push_back(chance({level}, 200, 4, random));
      c.push_back(chance({level + 0.2}, 200, 4, random));
    }
    const BootstrapOptions options{500, 1, 0.95};
    const Estimate none = paired_difference(pointers(a), pointers(b), Measure::final_accuracy, options);
    excluded_without_effect += none.low > 0 || none.high < 0;
    const Estimate effect = paired_difference(pointers(a), pointers(c), Measure::final_accuracy, options);
    EXPECT_LT(effect.high, 0);
    EXPECT_NEAR(effect.mean, -0.2, 0.08);
  }
  EXPECT_LE(excluded_without_effect, 0.05 * data_sets);
}

TEST(DifferenceOfDifferences, DrawsTheSameFactsAndCoversAKnownInteraction) {
  const BootstrapOptions options{.draws = 600, .seed = 3};
  // c is a and d is b: nothing is left, in every draw, since the sides share their facts.
  Random random(5, "interaction", 0);
  std::vector<Trajectory> a, b;
  for (int i = 0; i < 6; ++i) {
    a.push_back(chance({0.5}, 60, 1, random));
    b.push_back(chance({0.4}, 60, 1, random));
  }
  const Estimate none =
      difference_of_differences(pointers(a), pointers(b), pointers(a), pointers(b), Measure::final_accuracy, options);
  EXPECT_NEAR(none.low, 0.0, 1e-12);
  EXPECT_NEAR(none.high, 0.0, 1e-12);
  // (0.8 - 0.6) - (0.7 - 0.4) = -0.1, whichever facts stand on each side.
  int covered = 0;
  constexpr int trials = 200;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<Trajectory> sides[4];
    const double p[] = {0.8, 0.6, 0.7, 0.4};
    for (int side = 0; side < 4; ++side) {
      for (int i = 0; i < 8; ++i) {
        sides[side].push_back(chance({p[side]}, 100, 2, random));
        if (side >= 2) sides[side].back().fact_ids.front() = 7;  // other facts than those of the first two
      }
    }
    const Estimate e = difference_of_differences(pointers(sides[0]), pointers(sides[1]), pointers(sides[2]),
                                                 pointers(sides[3]), Measure::final_accuracy, options);
    covered += e.low <= -0.1 && -0.1 <= e.high ? 1 : 0;
  }
  EXPECT_GE(covered, trials * 9 / 10);
  EXPECT_LT(covered, trials);
}

TEST(Bootstrap, RefusesInconsistentRuns) {
  Trajectory t = share(3, 10);
  t.correct[0] = 7;
  const std::vector<const Trajectory*> run{&t};
  EXPECT_THROW((void)hierarchical_bootstrap(run, Measure::drop, {}), Error);
  EXPECT_THROW((void)paired_difference(run, run, Measure::drop, {}), Error);
}

TEST(BootstrapDeathTest, MisuseEndsTheProgram) {
  const Trajectory t = share(3, 10);
  const std::vector<const Trajectory*> one{&t}, two{&t, &t}, none;
  EXPECT_DEATH((void)hierarchical_bootstrap(none, Measure::drop, {}), "empty");
  EXPECT_DEATH((void)paired_difference(one, two, Measure::drop, {}), "size");
  EXPECT_DEATH((void)hierarchical_bootstrap(one, Measure::drop, {0, 1, 0.95}), "draws");
  EXPECT_DEATH((void)hierarchical_bootstrap(one, Measure::drop, {10, 1, 1.0}), "confidence");
}

TEST(Bootstrap, IsFastEnoughForATable) {
  Random random(2, "speed");
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 8; ++seed) runs.push_back(chance(std::vector<double>(25, 0.5), 500, 5, random));
  const Stopwatch watch;
  (void)hierarchical_bootstrap(pointers(runs), Measure::forgetting, {});
  const double seconds = watch.seconds();
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds));
  EXPECT_LT(seconds, 15.0);  // about 0.5 s on an idle core; ten times that on a busy or instrumented one
}

}  // namespace
}  // namespace stet::report
