// The effect of one arm against another on a single fact: the matched-pair odds ratio.
#pragma once

#include <stet/report/bootstrap.hpp>
#include <stet/report/outcomes.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace stet::report {

struct OddsRatio {
  double value = 1, low = 1, high = 1;
  std::uint64_t only_a = 0, only_b = 0;  ///< facts right in a and wrong in b, and the reverse, over all runs
};

/// The evaluation whose answers an odds ratio beside this measure compares: the last for final_accuracy, forgetting and
/// drop, the first that counts for start_accuracy; none for the others, which are not a share of right answers at one
/// evaluation.
[[nodiscard]] std::optional<std::uint32_t> odds_evaluation(const Trajectory& trajectory, Measure measure);

/// Odds of a right answer in `a` against `b`, for the same facts in the same run: (sum n10 + 1/2) / (sum n01 + 1/2) over
/// the runs, where n10 counts the facts right in a alone and n01 those right in b alone. This is the Mantel-Haenszel
/// estimate with each fact of each run as a stratum (the conditional odds ratio of McNemar's table), with Haldane's
/// correction so that it is finite. Interval: hierarchical bootstrap as in paired_difference. Runs are paired by index;
/// pairs whose runs have different facts are left out. Nothing if no pair is left, or the measure has none.
[[nodiscard]] std::optional<OddsRatio> paired_odds_ratio(std::span<const Trajectory* const> a,
                                                         std::span<const Trajectory* const> b, Measure measure,
                                                         const BootstrapOptions& options);

}  // namespace stet::report
