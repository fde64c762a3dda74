// Measures of confidence over plain lists, with nothing of the binned sums that ItemMeasure keeps: what it is compared
// with.
#pragma once

#include <stet/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace stet::report {

/// How confidences are put into bins.
enum class Binning {
  equal_width,  // [0, 1/m), [1/m, 2/m), ..., [(m-1)/m, 1]
  equal_mass,   // sorted and cut into m parts of (nearly) the same number; equal confidences stay in input order
};

/// Expected calibration error (Guo et al. 2017): sum over bins of (share of the bin) x |accuracy - mean confidence|.
inline double calibration_error(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                                std::size_t bins = 15, Binning binning = Binning::equal_width) {
  STET_ASSERT(!confidence.empty() && confidence.size() == correct.size() && bins > 0);
  for (const double x : confidence) STET_ASSERT(x >= 0 && x <= 1);
  // |sum of (correct - confidence)| of a bin, over the number of all facts, is its term.
  std::vector<double> gap(bins);
  const std::size_t n = confidence.size();
  if (binning == Binning::equal_width) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto bin = std::min(bins - 1, static_cast<std::size_t>(confidence[i] * static_cast<double>(bins)));
      gap[bin] += correct[i] - confidence[i];
    }
  } else {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return confidence[a] < confidence[b]; });
    for (std::size_t rank = 0; rank < n; ++rank) gap[rank * bins / n] += correct[order[rank]] - confidence[order[rank]];
  }
  double sum = 0;
  for (const double x : gap) sum += std::abs(x);
  return sum / static_cast<double>(n);
}

/// Share of all facts that are wrong with a confidence above `threshold`.
inline double confident_error_share(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                                    double threshold = 0.9) {
  STET_ASSERT(!confidence.empty() && confidence.size() == correct.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < confidence.size(); ++i) count += correct[i] == 0 && confidence[i] > threshold;
  return static_cast<double>(count) / static_cast<double>(confidence.size());
}

}  // namespace stet::report
