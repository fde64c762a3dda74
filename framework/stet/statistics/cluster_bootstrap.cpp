#include <stet/base/error.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>
#include <stet/statistics/resampling.hpp>

#include <algorithm>
#include <limits>

namespace stet::report {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> multiplicities(std::uint32_t n, Random& random) {
  if (n <= 1) return std::vector<double>(n, 1.0);
  std::vector<double> counts(n);
  for (std::uint32_t i = 0; i < n; ++i) counts[below(random, n)] += 1;
  return counts;
}

}  // namespace

void draw_cluster_weights(const RegressionData& data, Random& random, std::vector<double>& weights) {
  STET_ASSERT(data.cluster.size() == data.rows && data.group.size() == data.rows);
  const std::vector<double> group = multiplicities(data.groups, random);
  const std::vector<double> cluster = multiplicities(data.clusters, random);
  weights.resize(data.rows);
  for (std::size_t row = 0; row < data.rows; ++row) weights[row] = group[data.group[row]] * cluster[data.cluster[row]];
}

double cluster_tail(const RegressionData& data, double confidence) {
  return expanded_tail(confidence, data.clusters > 1 ? std::min(data.groups, data.clusters) : data.groups);
}

std::vector<Estimate> bootstrap_coefficients(const RegressionData& data, double ridge, const RegressionFit& fit,
                                             const BootstrapOptions& options) {
  std::vector<Estimate> estimates;
  for (const double coefficient : fit.coefficients) estimates.push_back({coefficient, nan, nan, {}});
  if (data.groups < least_seeds) return estimates;
  std::vector<std::vector<double>> draws(data.covariates);
  std::vector<double> weights;
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    Random random(options.seed, "regression", draw);
    draw_cluster_weights(data, random, weights);
    const RegressionFit drawn = fit_logistic(data, ridge, weights, &fit);
    for (std::size_t i = 0; i < data.covariates; ++i) draws[i].push_back(drawn.coefficients[i]);
  }
  for (std::size_t i = 0; i < data.covariates; ++i) {
    const Interval interval = percentile_interval(std::move(draws[i]), cluster_tail(data, options.confidence));
    estimates[i].low = interval.low;
    estimates[i].high = interval.high;
  }
  return estimates;
}

}  // namespace stet::report
