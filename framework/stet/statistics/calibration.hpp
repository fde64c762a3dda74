// Does a model's confidence tell its right answers from its wrong ones, and is it the share of right answers?
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stet::report {

/// How confidences are put into bins.
enum class Binning {
  equal_width,  ///< [0, 1/m), [1/m, 2/m), ..., [(m-1)/m, 1]
  equal_mass,   ///< sorted and cut into m parts of (nearly) the same number; equal confidences stay in input order
};

/// Expected calibration error (Guo et al. 2017): sum over bins of (share of the bin) x |accuracy - mean confidence|.
/// confidence in [0, 1], correct 0 or 1, the same number of both, at least one; bins at least 1 (assertions). It is
/// biased upward with few facts a bin.
[[nodiscard]] double calibration_error(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                                       std::size_t bins = 15, Binning binning = Binning::equal_width);

/// Area under the ROC curve: the probability that a random positive has a higher score than a random negative, ties
/// counting half (the Mann-Whitney statistic). NaN if all labels are equal. `weights` may be empty (all 1) and must not
/// be negative. Scores must not be NaN (assertion).
[[nodiscard]] double area_under_roc(std::span<const double> score, std::span<const std::uint8_t> label,
                                    std::span<const double> weights = {});

/// Share of all facts that are wrong with a confidence above `threshold`.
[[nodiscard]] double confident_error_share(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                                           double threshold = 0.9);

}  // namespace stet::report
