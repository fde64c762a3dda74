#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/report/bootstrap.hpp>
#include <stet/report/resampling.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "unit/report/synthetic.hpp"

namespace stet::report {
namespace {

constexpr std::array all_measures = {Measure::final_accuracy, Measure::start_accuracy, Measure::peak_accuracy,
                                     Measure::forgetting, Measure::drop};

/// The same bootstrap, written plainly: other random numbers, `measure` over sampled facts. `tail` is left out on either side.
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
  for (int seed = 0; seed < 4; ++seed) {
    std::vector<double> p;
    for (int s = 0; s < 40; ++s) p.push_back(0.3 + 0.5 * std::sin(0.08 * s) + 0.02 * seed);
    runs.push_back(chance(p, 300, 3, random));
    runs.back().first = 2;
  }
  for (const Measure m : all_measures) {
    const Estimate fast = hierarchical_bootstrap(pointers(runs), m, {4000, 1, 0.6});
    // Student's t with 3 degrees has its 80 % quantile at 0.9785; times sqrt(4 / 3) that is 1.1299, with 0.1293 of a normal above.
    const Estimate plain = plain_bootstrap(runs, m, 4000, 0.1293);
    const double width = plain.high - plain.low;
    EXPECT_NEAR(fast.low, plain.low, 0.08 * width) << name_of(m);
    EXPECT_NEAR(fast.high, plain.high, 0.08 * width) << name_of(m);
    double mean = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(fast.per_seed[i], measure(runs[i], m));
      mean += fast.per_seed[i] / 4;
    }
    EXPECT_NEAR(fast.mean, mean, 1e-15);
  }
}

TEST(Bootstrap, IsAFunctionOfDataAndSeed) {
  Random random(4, "data");
  const std::vector<Trajectory> runs{chance({0.5, 0.6}, 50, 2, random), chance({0.5, 0.6}, 50, 2, random)};
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
  Trajectory t = trajectory({"10101010101010101010"}, 2);
  const std::vector<const Trajectory*> run{&t};
  const Estimate within = hierarchical_bootstrap(run, Measure::final_accuracy, {1000, 1, 0.95});
  EXPECT_EQ(within.low, 0.5);
  EXPECT_EQ(within.high, 0.5);
  std::fill(t.stratum.begin(), t.stratum.end(), 0U);
  const Estimate over = hierarchical_bootstrap(run, Measure::final_accuracy, {1000, 1, 0.95});
  EXPECT_NEAR(over.low, 0.5 - 1.96 * std::sqrt(0.25 / 20), 0.06);
  EXPECT_NEAR(over.high, 0.5 + 1.96 * std::sqrt(0.25 / 20), 0.06);
}

TEST(Bootstrap, DrawsSeeds) {
  // No variation inside a seed: the mean of two draws from {0, 1} is 0, 1/2 or 1.
  const std::vector<Trajectory> runs{share(0, 10), share(10, 10)};
  const Estimate e = hierarchical_bootstrap(pointers(runs), Measure::final_accuracy, {1000, 1, 0.95});
  EXPECT_EQ(e.mean, 0.5);
  EXPECT_EQ(e.low, 0.0);
  EXPECT_EQ(e.high, 1.0);
}

TEST(Bootstrap, TailsAreExpandedForFewSeeds) {
  EXPECT_EQ(expanded_tail(0.95, 0), (1 - 0.95) / 2);
  EXPECT_EQ(expanded_tail(0.95, 1), (1 - 0.95) / 2);
  EXPECT_NEAR(expanded_tail(0.95, 8), 0.00573, 2e-5);   // t = 2.3646, sqrt(8 / 7) t = 2.5279
  EXPECT_NEAR(expanded_tail(0.95, 6), 0.00243, 2e-5);   // t = 2.5706, sqrt(6 / 5) t = 2.8159
  EXPECT_NEAR(expanded_tail(0.95, 100000), 0.025, 1e-5);
  for (std::size_t n = 2; n < 50; ++n) EXPECT_LT(expanded_tail(0.9, n), expanded_tail(0.9, n + 1));
}

/// How often of `data_sets` the interval of `seeds` seeds holds the truth. `spread` is between seeds; facts add their own.
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
  // Two standard errors of 400 data sets are 0.022. Facts are drawn on top of seeds, so that with few of them it covers more.
  for (const int seeds : {6, 8}) {
    EXPECT_NEAR(coverage(seeds, 400, 0.08, 400), 0.95, 0.03) << seeds;
    EXPECT_GE(coverage(seeds, 60, 0.02, 400), 0.94) << seeds;
  }
}

TEST(PairedDifference, SameOutcomesDifferByNothing) {
  Random random(6, "data");
  std::vector<Trajectory> runs;
  for (int seed = 0; seed < 4; ++seed) runs.push_back(chance({0.4, 0.8, 0.6}, 60, 3, random));
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
  const Estimate none = difference_of_differences(pointers(a), pointers(b), pointers(a), pointers(b), Measure::final_accuracy, options);
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
    const Estimate e = difference_of_differences(pointers(sides[0]), pointers(sides[1]), pointers(sides[2]), pointers(sides[3]), Measure::final_accuracy, options);
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
