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

std::vector<Estimate> bootstrap_clusters(
    const RegressionData& data, std::string_view purpose, std::span<const double> observed,
    const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const double> weights)>& values_of) {
  std::vector<Estimate> estimates;
  for (const double value : observed) estimates.push_back({value, nan, nan, {}});
  if (data.groups < least_seeds) return estimates;
  std::vector<std::vector<double>> draws(observed.size());
  std::vector<double> weights;
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    Random random(options.seed, purpose, draw);
    draw_cluster_weights(data, random, weights);
    const std::vector<double> values = values_of(weights);
    for (std::size_t i = 0; i < draws.size(); ++i) draws[i].push_back(values[i]);
  }
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const Interval interval = percentile_interval(std::move(draws[i]), cluster_tail(data, options.confidence));
    estimates[i].low = interval.low;
    estimates[i].high = interval.high;
  }
  return estimates;
}

std::vector<Estimate> bootstrap_coefficients(const RegressionData& data, double ridge, const RegressionFit& fit,
                                             const BootstrapOptions& options) {
  return bootstrap_clusters(data, "regression", fit.coefficients, options, [&](std::span<const double> weights) {
    return fit_logistic(data, ridge, weights, &fit).coefficients;
  });
}

}  // namespace stet::report
