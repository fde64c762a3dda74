#include <stet/base/error.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>
#include <stet/statistics/mediation.hpp>

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
    return std::vector{a, b, a * b, outcome.coefficients[exposure]};
  };
  const std::vector<Estimate> estimates = bootstrap_clusters(
      data, "mediation", paths({}, full), options,
      [&](std::span<const double> weights) { return paths(weights, fit_logistic(second, ridge, weights, &full)); });
  return {estimates[0], estimates[1], estimates[2], estimates[3]};
}

}  // namespace stet::report
