// The numbers a trajectory is boiled down to.
#pragma once

#include <stet/outcomes/outcomes.hpp>
#include <stet/statistics/estimate.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace stet::report {

/// With Acc(s) the accuracy at evaluation s, over s = first .. T, and T the last evaluation. All are fractions.
enum class Measure {
  final_accuracy,  ///< Acc(T)
  start_accuracy,  ///< Acc(first)
  peak_accuracy,   ///< max_{s<=T} Acc(s)
  forgetting,  ///< F = (max_{s<=T} Acc(s) - Acc(T)) / max_{s<=T} Acc(s), at least 0 since T is among the s; NaN if the
               ///< peak is 0 (arXiv 2604.15574)
  drop,        ///< max_{s<=T} Acc(s) - Acc(T), at least 0
  early_stop_accuracy,  ///< Acc(s*): s* is the first evaluation at which the set "validation" has its best accuracy
                        ///< (until_best())
  auc_trajectory,  ///< mean of Acc over the way from `first` to T (trapezoids between evaluations, taken as equally
                   ///< far)
  probability,     ///< mean probability of the right answer at T
  // Of the confidence at T: the probability that the model gave the answer it produced (extra array "confidence").
  ece,    ///< expected calibration error, calibration_bins bins of equal width (Guo et al. 2017)
  auroc,  ///< does confidence tell right from wrong: area under the ROC curve; NaN if all are right or all wrong
  confident_error,  ///< share of all facts that are wrong with a confidence above confident_threshold
  // Of an array that the run recorded beside its outcomes (see recorded_set()).
  recorded,        ///< mean over facts at T
  recorded_start,  ///< mean over facts at `first`
};

inline constexpr std::array every_measure = {
    Measure::final_accuracy,      Measure::start_accuracy, Measure::peak_accuracy, Measure::forgetting, Measure::drop,
    Measure::early_stop_accuracy, Measure::auc_trajectory, Measure::probability,   Measure::ece,        Measure::auroc,
    Measure::confident_error,     Measure::recorded,       Measure::recorded_start};
inline constexpr std::uint32_t calibration_bins = 15;
inline constexpr double confident_threshold = 0.9;

/// "final_accuracy", ...: as in TOML and CSV.
[[nodiscard]] std::string_view name_of(Measure measure) noexcept;

/// Whether a measure reads a number for each answer (probability and below), not only how many answers are right.
[[nodiscard]] constexpr bool reads_items(Measure measure) noexcept { return measure >= Measure::probability; }

/// Whether a measure is of an array that is named beside it.
[[nodiscard]] constexpr bool reads_array(Measure measure) noexcept { return measure >= Measure::recorded; }

/// Whether a measure has no value (NaN) for some outcomes: the forgetting of what was never known is 0/0, and an AUROC
/// needs right answers and wrong ones.
[[nodiscard]] constexpr bool may_be_undefined(Measure measure) noexcept {
  return measure == Measure::forgetting || measure == Measure::auroc;
}

/// The least and the largest value that a measure can have; infinite for what a run recorded.
[[nodiscard]] constexpr Range range_of(Measure measure) noexcept {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return reads_array(measure) ? Range{-infinity, infinity} : Range{};
}

/// The name under which Runs has a set's trajectory with the array as what `recorded` reads: "held: drift.drift".
[[nodiscard]] std::string recorded_set(std::string_view set, std::string_view array);

/// What recorded_set() joined, for a name that a measure reads: {"held", "drift.drift"}; the array is empty where the
/// measure reads none.
struct RecordedSet {
  std::string set, array;
};
[[nodiscard]] RecordedSet split_recorded_set(const std::string& name, Measure which);

/// The array of which `recorded` is the mean, in Trajectory::extra.
inline constexpr char recorded_array[] = "recorded";

/// "probability", "confidence" or "recorded" if the measure reads it and the run has not recorded it at every
/// evaluation, else "".
[[nodiscard]] std::string missing_array(const Trajectory& trajectory, Measure which);

/// The trajectory up to s*, the first evaluation from `first` on at which `validation` (of the same run: as many
/// evaluations, assertion) has its best accuracy: where early stopping by that set would have ended the run. Without
/// probabilities and extra arrays.
[[nodiscard]] Trajectory until_best(const Trajectory& trajectory, const Trajectory& validation);

/// The measure over all facts; NaN where it has no value (may_be_undefined). Of early_stop_accuracy, `trajectory` is
/// what until_best() made. Throws Error (data) where missing_array names one, or it holds no probabilities. The
/// trajectory must have at least one evaluation and one fact (assertion).
[[nodiscard]] double measure(const Trajectory& trajectory, Measure which);

/// The measure over a sample of facts: indices into [0, facts), repetitions allowed, at least one (assertion).
[[nodiscard]] double measure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> sampled_facts);

/// The measure from the number of correct facts at the evaluations first..T, in their order (at least one), out of
/// `facts` > 0 (assertion). Not for measures that read items (assertion); for the others all forms come down to this.
[[nodiscard]] double measure_of_counts(std::span<const std::uint32_t> counts, std::uint64_t facts, Measure which);

}  // namespace stet::report
