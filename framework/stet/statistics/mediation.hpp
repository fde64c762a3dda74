// How much of what an exposure does to an outcome goes through a mediator: overlap -> drift -> forgetting.
#pragma once

#include <stet/statistics/estimate.hpp>
#include <stet/statistics/regression.hpp>

#include <cstddef>
#include <vector>

namespace stet::report {

/// Product of coefficients (Baron and Kenny 1986; bootstrapped as by Preacher and Hayes 2008). With all covariates and
/// the groups' intercepts in both models: a, the exposure's coefficient in the linear model of the mediator; b, the
/// mediator's coefficient in the logistic model of the outcome that has the exposure too; direct, the exposure's
/// coefficient there; indirect = a b, in log-odds for a unit of the exposure. It is a decomposition of associations:
/// causal only if nothing unmeasured drives the mediator and the outcome together.
struct Mediation {
  Estimate a, b, indirect, direct;  ///< per_seed stays empty
};

/// `data` holds the outcome in y (0 or 1) and, among its covariates, the exposure; the mediator [rows] is not among
/// them. Usually all are standardized. Intervals: draw_cluster_weights, percentile, expanded for few groups; none
/// (NaN) below least_seeds groups. Assertions on sizes.
[[nodiscard]] Mediation mediation(const RegressionData& data, std::size_t exposure, const std::vector<double>& mediator,
                                  double ridge, const BootstrapOptions& options);

}  // namespace stet::report
