// The effect of one arm against another on a single fact: the matched-pair odds ratio.
#pragma once

#include <stet/outcomes/measure.hpp>
#include <stet/outcomes/outcomes.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace stet::report {

/// NaN where there is no value, or no interval.
struct OddsRatio {
  double value = std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::quiet_NaN(), high = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t only_a = 0, only_b = 0;  ///< facts right in a and wrong in b, and the reverse, over all runs
  std::size_t seeds = 0;                 ///< runs in which the arms differ on some fact
};

/// The evaluation whose answers an odds ratio beside this measure compares: the last for final_accuracy, forgetting and
/// drop, the first that counts for start_accuracy; none for the others, which are not a share of right answers at one
/// evaluation.
[[nodiscard]] std::optional<std::uint32_t> odds_evaluation(const Trajectory& trajectory, Measure measure);

/// Odds of a right answer in `a` against `b`, for the same facts in the same run, given that the two answers differ:
/// the conditional odds ratio of McNemar's table, which is not a ratio of the arms' own (marginal) odds. In each run
/// log((n10 + 1/2) / (n01 + 1/2)), where n10 counts the facts right in a alone and n01 those right in b alone (Haldane
/// 1956: the half takes the bias of the logarithm away); `value` is the exponential of their mean, low and high of
/// Student's interval over them. Runs without a fact on which the arms differ say nothing and are left out.
///
/// No end stands on the half alone: where in some run no fact is right in b alone, the data put no upper bound on its
/// ratio, and `high` is infinite; where none is right in a alone, `low` is 0. Where that is so in all runs there is no
/// value and no interval; with one run no interval.
///
/// Runs are paired by index; pairs whose runs have different facts are left out. Nothing if no pair is left, or the
/// measure has none.
[[nodiscard]] std::optional<OddsRatio> paired_odds_ratio(std::span<const Trajectory* const> a,
                                                         std::span<const Trajectory* const> b, Measure measure,
                                                         double confidence);

}  // namespace stet::report
