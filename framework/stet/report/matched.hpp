// Arms compared where they have learnt equally much. An arm that forgets little because it learns little is not better;
// so the value of a measure on one set ("held") is taken at a given accuracy on another ("unknown").
#pragma once

#include <stet/outcomes/bootstrap.hpp>
#include <stet/outcomes/outcomes.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace stet::report {

/// One run: x, the accuracy on the set that is matched; y, the measure on the other set; both at each evaluation from
/// Trajectory::first to the last.
struct Curve {
  std::vector<double> x, y;
};

struct Point {
  double x = 0, y = 0;
};

/// `measure` is final_accuracy, forgetting or drop (assertion), at each evaluation as if it were the last one; NaN
/// while nothing was right. Throws Error (data) if the trajectories do not have the same evaluations.
[[nodiscard]] Curve curve_of(const Trajectory& at, const Trajectory& set, Measure measure);

/// y where x first reaches `target`: y at the first evaluation if x is that high from the start, else linear between
/// the two evaluations on either side. Nothing if it is never reached.
[[nodiscard]] std::optional<double> first_crossing(const Curve& curve, double target);

/// y at x = target on the line through the points in the order of x (points of the same x are averaged). Nothing where
/// the target lies outside their range.
[[nodiscard]] std::optional<double> interpolate(std::span<const Point> points, double target);

/// Area of the union of the rectangles from (0, 0) to each point: the hypervolume of the front. Coordinates are at
/// least 0 (assertion). In [0, 1] for accuracies.
[[nodiscard]] double front_area(std::span<const Point> points);

/// The runs of one seed on the two sets: [arms], the same arms in the same order for every seed.
struct SeedRuns {
  std::vector<const Trajectory*> at, set;
};

struct MatchedResult {
  Estimate estimate;                   ///< of the difference arm - baseline; NaN if no seed reaches the accuracy
  std::vector<std::size_t> reached;    ///< [estimate.per_seed] indices of the seeds at which both sides have a value
  std::vector<std::size_t> undefined;  ///< of seeds that reach the accuracy, but of whose set nothing was ever right:
                                       ///< they have no forgetting
};

/// Arm 0 is the baseline. With one other arm its value is first_crossing of its own way; with several, which form one
/// family (a sweep of a strength), interpolate over their last evaluations. `accuracy` is the target; without one it is
/// the baseline's own final accuracy at the seed. The baseline's value is its first_crossing too, except for a family
/// without `accuracy`: then the end of the baseline is compared with ends. Seeds at which a side does not reach the
/// target are left out, so look at their share.
///
/// Interval: from least_seeds on, bootstrap over the seeds that reach it and, within them, over facts within strata
/// (arms with the same facts draw the same); with fewer, as in Estimate. In a draw that falls just short of the target
/// the nearest point stands in.
[[nodiscard]] MatchedResult matched_difference(std::span<const SeedRuns> seeds, Measure measure,
                                               std::optional<double> accuracy, const BootstrapOptions& options);

/// Mean of front_area over seeds, of all arms' last evaluations, or (`whole`) of all evaluations of all arms.
[[nodiscard]] Estimate front_estimate(std::span<const SeedRuns> seeds, bool whole, const BootstrapOptions& options);

struct ShareResult {
  Estimate share;  ///< mean: ratio of the mean gains (not the mean of ratios); per_seed: each seed's own ratio
  Estimate gain;   ///< of the reference: the denominator. Where its interval holds 0 the ratio has no bounded interval
  std::vector<std::size_t> reached, undefined;  ///< as in MatchedResult
};

/// (arm 2 - arm 0) / (arm 1 - arm 0): how much of what the reference (1) gains over the baseline (0) does the arm (2)
/// gain? Values at the last evaluation, or if `matched` where each has first reached `accuracy` (without one: the
/// baseline's final accuracy). NaN where the reference gains nothing and the arm neither. Interval: the ratio in each
/// bootstrap draw, percentile; below least_seeds Fieller's over seeds, NaN where it is not bounded.
[[nodiscard]] ShareResult share_of_gain(std::span<const SeedRuns> seeds, Measure measure, bool matched,
                                        std::optional<double> accuracy, const BootstrapOptions& options);

}  // namespace stet::report
