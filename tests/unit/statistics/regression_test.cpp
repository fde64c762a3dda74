#include <stet/base/philox.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>
#include <stet/statistics/mediation.hpp>
#include <stet/statistics/regression.hpp>
#include <stet/statistics/resampling.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace stet::report {
namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

struct World {
  std::uint32_t seeds = 5, facts = 80;
  std::vector<double> b{0.8, -0.5, 0};
  double by_fact = 0;  ///< spread of what a fact's seeds have in common
};

RegressionData draw(const World& world, Random& random) {
  RegressionData data;
  data.covariates = world.b.size();
  data.groups = world.seeds;
  data.clusters = world.facts;
  std::vector<double> fact(world.facts), intercept(world.seeds);
  for (double& x : fact) x = world.by_fact * random.normal();
  for (double& x : intercept) x = -0.5 + 0.5 * random.normal();
  for (std::uint32_t seed = 0; seed < world.seeds; ++seed) {
    for (std::uint32_t i = 0; i < world.facts; ++i) {
      double score = intercept[seed] + fact[i];
      double shared = random.normal();
      for (const double b : world.b) {
        const double x = 0.6 * shared + 0.8 * random.normal();
        data.x.push_back(x);
        score += b * x;
      }
      data.y.push_back(random.uniform() < logistic(score) ? 1.0 : 0.0);
      data.group.push_back(seed);
      data.cluster.push_back(i);
      ++data.rows;
    }
  }
  return data;
}

/// At the maximum the gradient of the penalized likelihood is 0, computed here from the definition.
TEST(Logistic, TheGradientVanishes) {
  Random random(1, "data");
  const RegressionData data = draw({}, random);
  std::vector<double> weights;
  for (std::size_t i = 0; i < data.rows; ++i) weights.push_back(static_cast<double>(random.below(3)));
  const double ridge = 2.5;
  const RegressionFit fit = fit_logistic(data, ridge, weights);
  EXPECT_TRUE(fit.converged);
  EXPECT_LT(fit.iterations, 12);
  std::vector<double> gradient(data.covariates), gradient_group(data.groups);
  double likelihood = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    double score = fit.intercepts[data.group[row]];
    for (std::size_t i = 0; i < 3; ++i) score += data.x[row * 3 + i] * fit.coefficients[i];
    const double p = logistic(score);
    for (std::size_t i = 0; i < 3; ++i) gradient[i] += weights[row] * (data.y[row] - p) * data.x[row * 3 + i];
    gradient_group[data.group[row]] += weights[row] * (data.y[row] - p);
    likelihood += weights[row] * std::log(data.y[row] > 0.5 ? p : 1 - p);
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(gradient[i], ridge * fit.coefficients[i], 1e-6);
  for (std::size_t g = 0; g < 5; ++g) EXPECT_NEAR(gradient_group[g], intercept_ridge * fit.intercepts[g], 1e-6);
  EXPECT_NEAR(fit.log_likelihood, likelihood, 1e-8);
  // From another start the same.
  RegressionFit start = fit;
  for (double& x : start.coefficients) x = 5;
  const RegressionFit again = fit_logistic(data, ridge, weights, &start);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(again.coefficients[i], fit.coefficients[i], 1e-7);
}

TEST(Logistic, RecoversCoefficientsAndItsErrorsCover) {
  Random random(2, "data");
  const World world{6, 120, {0.8, -0.5, 0}, 0};
  const int repetitions = 300;
  std::vector<int> covered(3);
  std::vector<double> mean(3);
  for (int i = 0; i < repetitions; ++i) {
    const RegressionFit fit = fit_logistic(draw(world, random), 0.1);
    for (std::size_t k = 0; k < 3; ++k) {
      mean[k] += fit.coefficients[k] / repetitions;
      covered[k] += std::abs(fit.coefficients[k] - world.b[k]) < 1.96 * fit.standard_errors[k];
    }
  }
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_NEAR(mean[k], world.b[k], 0.03) << k;
    EXPECT_NEAR(covered[k] / double(repetitions), 0.95, 0.04) << k;
  }
}

TEST(Logistic, SeparationAndUniformGroupsStayFinite) {
  RegressionData data;
  data.covariates = 1;
  data.groups = 2;
  for (int i = 0; i < 40; ++i) {
    data.x.push_back(i - 20 + 0.5);
    data.y.push_back(i >= 20 ? 1 : 0);
    data.group.push_back(i % 2 == 0);
    ++data.rows;
  }
  const RegressionFit separated = fit_logistic(data, 0.01);
  EXPECT_TRUE(separated.converged);
  EXPECT_GT(separated.coefficients[0], 0.5);
  EXPECT_LT(separated.coefficients[0], 20);
  for (std::size_t i = 0; i < data.rows; ++i) data.y[i] = data.group[i];
  const RegressionFit uniform = fit_logistic(data, 0.01);
  EXPECT_TRUE(uniform.converged);
  EXPECT_LT(uniform.intercepts[0], -4);
  EXPECT_GT(uniform.intercepts[1], 4);
}

TEST(Logistic, AStepIsTakenOnlyIfItWasAccepted) {
  // So far out that every probability is 0 or 1: no curvature but the penalty's, and steps of 1e9.
  Random random(12, "data");
  const RegressionData data = draw({}, random);
  const auto objective = [&](const RegressionFit& fit, double ridge) {
    double sum = fit.log_likelihood;
    for (const double b : fit.coefficients) sum -= ridge * b * b / 2;
    for (const double a : fit.intercepts) sum -= intercept_ridge * a * a / 2;
    return sum;
  };
  for (const double ridge : {1e-9, 1e-6, 1e-3}) {
    const RegressionFit best = fit_logistic(data, ridge);
    ASSERT_TRUE(best.converged);
    for (const double far : {50.0, 300.0, 5000.0}) {
      RegressionFit start = best;
      for (std::size_t i = 0; i < 3; ++i) start.coefficients[i] = i % 2 == 0 ? far : -far;
      start.log_likelihood = 0;
      for (std::size_t row = 0; row < data.rows; ++row) {
        double score = start.intercepts[data.group[row]];
        for (std::size_t i = 0; i < 3; ++i) score += data.x[row * 3 + i] * start.coefficients[i];
        const double against = data.y[row] > 0.5 ? -score : score;
        start.log_likelihood -= against > 0 ? against + std::log1p(std::exp(-against)) : std::log1p(std::exp(against));
      }
      const RegressionFit fit = fit_logistic(data, ridge, {}, &start);
      EXPECT_GE(objective(fit, ridge), objective(start, ridge) * (1 + 1e-9)) << ridge << ' ' << far;
      for (std::size_t i = 0; fit.converged && i < 3; ++i)
        EXPECT_NEAR(fit.coefficients[i], best.coefficients[i], 1e-5) << ridge << ' ' << far;
    }
  }
}

TEST(Linear, SolvesKnownEquations) {
  Random random(3, "data");
  RegressionData data = draw({4, 500, {1, 1, 1}, 0}, random);
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double* x = &data.x[row * 3];
    data.y[row] = 3.0 * data.group[row] + 2 * x[0] - x[1] + 0.5 * random.normal();
  }
  const RegressionFit fit = fit_linear(data, 0);
  EXPECT_NEAR(fit.coefficients[0], 2, 0.05);
  EXPECT_NEAR(fit.coefficients[1], -1, 0.05);
  EXPECT_NEAR(fit.coefficients[2], 0, 0.05);
  EXPECT_NEAR(fit.intercepts[2], 6, 0.1);
  EXPECT_NEAR(fit.standard_errors[0], 0.5 / std::sqrt(2000 * 0.75), 0.003);
}

/// Logistic data of `facts` facts in each of `groups` seeds. The slope of a seed is 0.8 and `by_seed` times a normal;
/// the covariate of a fact is the same in all seeds, and so is a hidden part of its score of deviation `by_fact`: rows
/// of a seed, and of a fact, are far from independent.
RegressionData draw_shared(std::uint32_t groups, std::uint32_t facts, double by_seed, double by_fact, Random& random) {
  RegressionData data;
  data.covariates = 1;
  data.groups = groups;
  data.clusters = facts;
  std::vector<double> slopes, intercepts;
  for (std::uint32_t seed = 0; seed < groups; ++seed) {
    slopes.push_back(0.8 + by_seed * random.normal());
    intercepts.push_back(0.5 * random.normal());
  }
  for (std::uint32_t i = 0; i < facts; ++i) {
    const double x = random.normal(), hidden = by_fact * random.normal();
    for (std::uint32_t seed = 0; seed < groups; ++seed) {
      data.x.push_back(x);
      data.y.push_back(random.uniform() < logistic(intercepts[seed] + slopes[seed] * x + hidden) ? 1 : 0);
      data.group.push_back(seed);
      data.cluster.push_back(i);
      ++data.rows;
    }
  }
  return data;
}

/// The coefficient that estimates of so many facts a seed have on average, from many seeds and facts (hidden parts
/// attenuate it).
double shared_truth(std::uint32_t facts, double by_seed, double by_fact) {
  Random random(77, "truth");
  double sum = 0;
  constexpr int parts = 300;
  for (int part = 0; part < parts; ++part)
    sum += fit_logistic(draw_shared(8, facts, by_seed, by_fact, random), 0.01).coefficients[0] / parts;
  return sum;
}

TEST(ClusterBootstrap, CoversWhereSeedsOrFactsHaveMuchInCommon) {
  Random random(4, "data");
  struct Case {
    double by_seed, by_fact;
  };
  for (const Case& c : {Case{0.6, 0}, Case{0, 1.5}}) {
    const double truth = shared_truth(80, c.by_seed, c.by_fact);
    for (const std::uint32_t seeds : {6U, 8U}) {
      int covered = 0, covered_naive = 0;
      constexpr int repetitions = 150;
      for (int i = 0; i < repetitions; ++i) {
        const RegressionData data = draw_shared(seeds, 80, c.by_seed, c.by_fact, random);
        const RegressionFit fit = fit_logistic(data, 0.01);
        const Estimate estimate = bootstrap_coefficients(data, 0.01, fit, {420, 1, 0.95})[0];
        EXPECT_EQ(estimate.mean, fit.coefficients[0]);
        covered += estimate.low <= truth && truth <= estimate.high;
        covered_naive += std::abs(fit.coefficients[0] - truth) < 1.96 * fit.standard_errors[0];
      }
      RecordProperty("covered_" + std::to_string(seeds) + (c.by_seed > 0 ? "_by_seed" : "_by_fact"), covered);
      // Two standard errors of 150 are 0.036. Seeds and facts both are drawn: where one of them has nothing in common
      // it covers more.
      EXPECT_GE(covered, 0.92 * repetitions) << seeds << " seeds, " << c.by_seed << ' ' << c.by_fact;
      EXPECT_LT(covered_naive, 0.85 * repetitions);  // what the bootstrap is for
    }
  }
}

TEST(ClusterBootstrap, IsExpandedForFewSeedsAndAbsentBelowSix) {
  Random random(14, "data");
  const RegressionData five = draw_shared(5, 60, 0, 0, random), six = draw_shared(6, 60, 0, 0, random);
  EXPECT_EQ(cluster_tail(six, 0.95), expanded_tail(0.95, 6));
  RegressionData few_facts = six;
  few_facts.clusters = 3;
  EXPECT_EQ(cluster_tail(few_facts, 0.95), expanded_tail(0.95, 3));
  const Estimate none = bootstrap_coefficients(five, 1, fit_logistic(five, 1), {200, 1, 0.95})[0];
  EXPECT_TRUE(std::isnan(none.low) && std::isnan(none.high));
  EXPECT_EQ(none.mean, fit_logistic(five, 1).coefficients[0]);
  const RegressionFit fit = fit_logistic(six, 1);
  const Estimate wide = bootstrap_coefficients(six, 1, fit, {1000, 1, 0.95})[0];
  // The same draws without expansion.
  std::vector<double> draws, weights;
  for (std::uint32_t draw = 0; draw < 1000; ++draw) {
    Random again(1, "regression", draw);
    draw_cluster_weights(six, again, weights);
    draws.push_back(fit_logistic(six, 1, weights, &fit).coefficients[0]);
  }
  const Interval plain = percentile_interval(draws, 0.025), expanded = percentile_interval(draws, 0.0024334);
  EXPECT_LT(wide.low, plain.low);
  EXPECT_GT(wide.high, plain.high);
  EXPECT_NEAR(wide.low, expanded.low, 1e-3);
  EXPECT_NEAR(wide.high, expanded.high, 1e-3);
}

TEST(Diagnostics, VarianceInflation) {
  Random random(5, "data");
  RegressionData data;
  data.covariates = 4;
  data.groups = 2;
  for (int i = 0; i < 20000; ++i) {
    const double a = random.normal(), b = 0.8 * a + 0.6 * random.normal();
    const double c = random.normal();
    data.x.insert(data.x.end(), {a, b, c, 2 * c - 1});
    data.y.push_back(0);
    data.group.push_back(i % 2);
    ++data.rows;
  }
  const std::vector<double> vif = variance_inflation(data);
  EXPECT_NEAR(vif[0], 1 / (1 - 0.64), 0.1);
  EXPECT_NEAR(vif[1], 1 / (1 - 0.64), 0.1);
  EXPECT_TRUE(std::isinf(vif[2]));
  EXPECT_TRUE(std::isinf(vif[3]));
}

TEST(Diagnostics, McFadden) {
  EXPECT_DOUBLE_EQ(mcfadden_r2(-75, -100), 0.25);
  EXPECT_EQ(mcfadden_r2(0, 0), 0.0);
}

TEST(Diagnostics, OutOfSampleAreaIsAHalfForNoise) {
  Random random(7, "data");
  EXPECT_NEAR(leave_one_group_out_auc(draw({6, 400, {0, 0, 0}, 0}, random), 1), 0.5, 0.04);
  EXPECT_GT(leave_one_group_out_auc(draw({6, 400, {2, 0, 0}, 0}, random), 1), 0.8);
  EXPECT_TRUE(std::isnan(leave_one_group_out_auc(draw({1, 50, {1}, 0}, random), 1)));
}

TEST(Diagnostics, StandardizeNamesWhatHasNoSpread) {
  RegressionData data;
  data.rows = 4;
  data.covariates = 2;
  data.x = {1, 7, 2, 7, 3, 7, 4, 7};
  EXPECT_EQ(standardize(data), std::vector<std::size_t>{1});
  EXPECT_NEAR(data.x[0], -1.5 / std::sqrt(1.25), 1e-12);
  EXPECT_EQ(data.x[1], 0.0);
}

TEST(Mediation, RecoversThePathsAndCovers) {
  Random random(9, "data");
  for (const std::uint32_t seeds : {6U, 8U}) {
    int covered = 0, false_positives = 0;
    constexpr int repetitions = 80;
    double mean = 0;
    for (int i = 0; i < repetitions; ++i) {
      for (const double a : {0.7, 0.0}) {
        RegressionData data = draw({seeds, 60, {0.5, 0}, 0}, random);
        std::vector<double> slopes, mediator;  // of a seed: the path from exposure to mediator
        for (std::uint32_t seed = 0; seed < seeds; ++seed) slopes.push_back(a + 0.3 * random.normal());
        for (std::size_t row = 0; row < data.rows; ++row) {
          mediator.push_back(slopes[data.group[row]] * data.x[2 * row] + random.normal());
          data.y[row] = random.uniform() < logistic(0.3 * data.x[2 * row] + 0.9 * mediator.back()) ? 1 : 0;
        }
        const Mediation result = mediation(data, 0, mediator, 0.01, {420, 1, 0.95});
        EXPECT_DOUBLE_EQ(result.indirect.mean, result.a.mean * result.b.mean);
        if (a > 0) {
          covered += result.indirect.low <= 0.63 && 0.63 <= result.indirect.high;
          mean += result.indirect.mean / repetitions;
        } else {
          false_positives += result.indirect.low > 0 || result.indirect.high < 0;
        }
      }
    }
    RecordProperty("covered_" + std::to_string(seeds), covered);
    RecordProperty("false_" + std::to_string(seeds), false_positives);
    EXPECT_NEAR(mean, 0.63, 0.06) << seeds;
    EXPECT_GE(covered, 0.92 * repetitions) << seeds;
    EXPECT_LE(false_positives, 0.08 * repetitions) << seeds;
  }
}

TEST(Mediation, HasNoIntervalsBelowSixSeeds) {
  Random random(10, "data");
  const RegressionData data = draw({5, 40, {0.5, 0}, 0}, random);
  const Mediation result = mediation(data, 0, std::vector<double>(data.y.begin(), data.y.end()), 1, {100, 1, 0.95});
  EXPECT_FALSE(std::isnan(result.indirect.mean));
  for (const Estimate& path : {result.a, result.b, result.indirect, result.direct})
    EXPECT_TRUE(std::isnan(path.low) && std::isnan(path.high));
}

}  // namespace
}  // namespace stet::report
