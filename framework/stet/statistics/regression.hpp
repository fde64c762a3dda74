// Ridge-penalized logistic and linear regression with fixed effects of a group (the seed). Not a mixed model: what runs
// and facts have in common is taken care of by resampling both (cluster_bootstrap.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace stet::report {

struct RegressionData {
  std::size_t rows = 0, covariates = 0;
  std::vector<double> x;             ///< [rows, covariates], row-major, finite
  std::vector<double> y;             ///< [rows]; 0 or 1 for the logistic model
  std::vector<std::uint32_t> group;  ///< [rows], below `groups`: each has an intercept of its own
  std::uint32_t groups = 1;
  std::vector<std::uint32_t> cluster;  ///< [rows], below `clusters`: the fact; only the bootstrap reads it
  std::uint32_t clusters = 0;
};

struct RegressionFit {
  std::vector<double> coefficients;     ///< [covariates]
  std::vector<double> standard_errors;  ///< [covariates] from the penalized information: rows taken as independent
  std::vector<double> intercepts;       ///< [groups]
  double log_likelihood = 0;            ///< of the data, without the penalty (logistic model only)
  int iterations = 0;
  bool converged = false;
};

/// The penalty on intercepts: it only keeps them finite in a group whose outcomes are all alike.
inline constexpr double intercept_ridge = 1e-3;

/// P(y = 1) = 1 / (1 + exp(-(intercept of the group + x b))), by Newton's method (IRLS) with step halving on
/// log likelihood - ridge/2 |b|^2 - intercept_ridge/2 |intercepts|^2. `weights` (empty: all 1) count rows; rows of
/// weight 0 are skipped. `start` (may be null) is a fit to begin from. A step is halved until the
/// penalized likelihood does not fall; one that stays refused is not taken and ends the search, not converged.
/// Converged: no coefficient or intercept moved by 1e-8 or more; at most 100 steps. ridge >= 0; sizes must agree
/// (assertions). Covariates that others determine get 0 where ridge is 0.
[[nodiscard]] RegressionFit fit_logistic(const RegressionData& data, double ridge, std::span<const double> weights = {},
                                         const RegressionFit* start = nullptr);

/// Least squares with the same penalties: y = intercept of the group + x b + noise.
[[nodiscard]] RegressionFit fit_linear(const RegressionData& data, double ridge, std::span<const double> weights = {});

/// Only the named covariates, in this order.
[[nodiscard]] RegressionData with_covariates(const RegressionData& data, std::span<const std::size_t> which);
/// Only the rows for which `keep` is not 0.
[[nodiscard]] RegressionData with_rows(const RegressionData& data, std::span<const std::uint8_t> keep);

/// Makes each covariate have mean 0 and (population) standard deviation 1 over all rows, so that coefficients are per
/// standard deviation. Returns the indices of covariates without spread, which become 0.
std::vector<std::size_t> standardize(RegressionData& data);

/// Variance inflation 1 / (1 - R^2) of each covariate on the others and the groups' intercepts; infinite where they
/// determine it.
[[nodiscard]] std::vector<double> variance_inflation(const RegressionData& data);

/// McFadden's 1 - log likelihood / log likelihood of the intercepts alone; 0 if that is 0.
[[nodiscard]] double mcfadden_r2(double log_likelihood, double intercepts_only);

/// Area under the ROC curve out of sample: each group is scored by a fit on all others (b only, since its intercept
/// cannot be known and does not change the order within it), and the groups' areas are averaged. Groups with one kind
/// of outcome are left out; NaN if none is left or there is a single group.
[[nodiscard]] double leave_one_group_out_auc(const RegressionData& data, double ridge);

}  // namespace stet::report
