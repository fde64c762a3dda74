// The bootstrap of a regression: groups (seeds) and clusters (facts) are both drawn anew.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/statistics/estimate.hpp>
#include <stet/statistics/regression.hpp>

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace stet::report {

/// Weights of the rows in one draw: how often the row's group was drawn times how often its cluster was (Owen 2007,
/// "the pigeonhole bootstrap"). A single group, or a single cluster, is kept. The intervals that come of it hold both
/// what a seed's facts and what a fact's seeds have in common; where rows have nothing in common they are wider than
/// need be, by at most sqrt(3).
void draw_cluster_weights(const RegressionData& data, Random& random, std::vector<double>& weights);

/// The share of draws to leave out on either side: expanded_tail() for the number of groups, or of clusters if they are
/// fewer.
[[nodiscard]] double cluster_tail(const RegressionData& data, double confidence);

/// Percentile intervals of what `values_of(weights)` gives in each draw, expanded for few groups as all others;
/// `observed` are the values of the data themselves. Below least_seeds groups nothing is drawn, and there is no
/// interval (NaN). per_seed stays empty. A function of the data, options.seed and `purpose` alone.
[[nodiscard]] std::vector<Estimate> bootstrap_clusters(
    const RegressionData& data, std::string_view purpose, std::span<const double> observed,
    const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const double> weights)>& values_of);

/// Of the logistic model's coefficients [covariates]; `fit` must be a fit of `data` with this ridge.
[[nodiscard]] std::vector<Estimate> bootstrap_coefficients(const RegressionData& data, double ridge,
                                                           const RegressionFit& fit, const BootstrapOptions& options);

}  // namespace stet::report
