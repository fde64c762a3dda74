// Does a score tell positives from negatives?
#pragma once

#include <cstdint>
#include <span>

namespace stet::report {

/// Area under the ROC curve: the probability that a random positive has a higher score than a random negative, ties
/// counting half (the Mann-Whitney statistic). NaN if all labels are equal. `weights` may be empty (all 1) and must not
/// be negative. Scores must not be NaN (assertion).
[[nodiscard]] double area_under_roc(std::span<const double> score, std::span<const std::uint8_t> label,
                                    std::span<const double> weights = {});

}  // namespace stet::report
