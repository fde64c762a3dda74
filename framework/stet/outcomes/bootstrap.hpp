// Interval estimates over seeds and facts: the hierarchical bootstrap with percentile intervals, expanded for few
// seeds.
#pragma once

#include <stet/outcomes/measure.hpp>
#include <stet/outcomes/outcomes.hpp>
#include <stet/statistics/estimate.hpp>

#include <span>

namespace stet::report {

/// One draw: as many runs as there are, with replacement; inside each drawn run anew, within every stratum, as many
/// facts as it has, with replacement; the mean of the measure over the drawn runs. The interval is made of the
/// quantiles of the draws (linear interpolation) that are left of (1 - confidence) / 2 on either side after the
/// expansion for few runs (expanded_tail in resampling.hpp): 0.6 % and 99.4 % for eight runs and 95 %; the extremes of
/// the draws where these do not reach so far. Below least_seeds runs nothing is drawn (see Estimate).
///
/// A measure that may be undefined (may_be_undefined): if it is so for a run, mean and interval are NaN; facts drawn
/// for which it is are drawn anew.
///
/// What it is not: facts are taken as nested in runs, so a fact's difficulty that all runs share is averaged out over
/// the runs; the interval speaks about new seeds. Measures with a
/// maximum (peak, forgetting, drop) are biased upward in a resample of few facts, and their interval leans that way;
/// in a difference of two arms the bias largely cancels. The calibration error is raised by any resample (each bin
/// holds fewer distinct facts), often beyond the estimate itself: its draws are shifted to have the estimate as mean.
///
/// A function of the data and options.seed alone. `runs` must not be empty (assertion); a trajectory that is not
/// consistent is an Error (data).
[[nodiscard]] Estimate hierarchical_bootstrap(std::span<const Trajectory* const> runs, Measure measure,
                                              const BootstrapOptions& options);

/// a - b for runs paired by index (the same seed). A draw takes the same runs on both sides and, in pairs whose two
/// runs have the same facts in the same order and strata, the same facts too; otherwise each side draws its own facts.
/// `per_seed` holds the differences. Both spans have the same size, at least 1 (assertion).
[[nodiscard]] Estimate paired_difference(std::span<const Trajectory* const> a, std::span<const Trajectory* const> b,
                                         Measure measure, const BootstrapOptions& options);

/// (a - b) - (c - d) for runs paired by index: does a difference depend on something else? Facts are drawn as in
/// paired_difference: a side whose facts are those of an earlier side of its pair takes the ones drawn there. All spans
/// have the same size, at least 1 (assertion).
[[nodiscard]] Estimate difference_of_differences(std::span<const Trajectory* const> a,
                                                 std::span<const Trajectory* const> b,
                                                 std::span<const Trajectory* const> c,
                                                 std::span<const Trajectory* const> d, Measure measure,
                                                 const BootstrapOptions& options);

}  // namespace stet::report
