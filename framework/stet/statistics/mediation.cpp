#include <stet/base/error.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>
#include <stet/statistics/mediation.hpp>
#include <stet/statistics/resampling.hpp>

#include <array>
#include <limits>

namespace stet::report {

Mediation mediation(const RegressionData& data, std::size_t exposure, const std::vector<double>& mediator, double ridge,
                    const BootstrapOptions& options) {
  STET_ASSERT(exposure < data.covariates && mediator.size() == data.rows);
  RegressionData first = data;
  first.y = mediator;
  RegressionData second = data;
  second.covariates = data.covariates + 1;
  second.x.clear();
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (std::size_t i = 0; i < data.covariates; ++i) second.x.push_back(data.x[row * data.covariates + i]);
    second.x.push_back(mediator[row]);
  }
  const RegressionFit full = fit_logistic(second, ridge);
  const auto paths = [&](std::span<const double> weights, const RegressionFit& outcome) {
    const double a = fit_linear(first, ridge, weights).coefficients[exposure];
    const double b = outcome.coefficients.back();
    return std::array{a, b, a * b, outcome.coefficients[exposure]};
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto observed = paths({}, full);
  std::array<Estimate, 4> estimates;
  for (std::size_t i = 0; i < observed.size(); ++i) estimates[i] = {observed[i], nan, nan, {}};
  if (data.groups < least_seeds) return {estimates[0], estimates[1], estimates[2], estimates[3]};
  std::array<std::vector<double>, 4> draws;
  std::vector<double> weights;
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    Random random(options.seed, "mediation", draw);
    draw_cluster_weights(data, random, weights);
    const auto values = paths(weights, fit_logistic(second, ridge, weights, &full));
    for (std::size_t i = 0; i < values.size(); ++i) draws[i].push_back(values[i]);
  }
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const Interval interval = percentile_interval(std::move(draws[i]), cluster_tail(data, options.confidence));
    estimates[i].low = interval.low;
    estimates[i].high = interval.high;
  }
  return {estimates[0], estimates[1], estimates[2], estimates[3]};
}

}  // namespace stet::report
