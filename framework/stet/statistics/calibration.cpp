#include <stet/base/error.hpp>
#include <stet/statistics/calibration.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace stet::report {

namespace {

std::vector<std::size_t> sorted_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  return order;
}

}  // namespace

double calibration_error(std::span<const double> confidence, std::span<const std::uint8_t> correct, std::size_t bins,
                         Binning binning) {
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
    const auto order = sorted_order(confidence);
    for (std::size_t rank = 0; rank < n; ++rank) gap[rank * bins / n] += correct[order[rank]] - confidence[order[rank]];
  }
  double sum = 0;
  for (const double x : gap) sum += std::abs(x);
  return sum / static_cast<double>(n);
}

double area_under_roc(std::span<const double> score, std::span<const std::uint8_t> label,
                      std::span<const double> weights) {
  STET_ASSERT(score.size() == label.size() && (weights.empty() || weights.size() == score.size()));
  for (const double x : score) STET_ASSERT(!std::isnan(x));
  const auto order = sorted_order(score);
  double below_negatives = 0, positives = 0, area = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    double tied_positive = 0, tied_negative = 0;
    std::size_t end = begin;
    for (; end < order.size() && score[order[end]] == score[order[begin]]; ++end) {
      const double weight = weights.empty() ? 1.0 : weights[order[end]];
      (label[order[end]] != 0 ? tied_positive : tied_negative) += weight;
    }
    area += tied_positive * (below_negatives + 0.5 * tied_negative);
    below_negatives += tied_negative;
    positives += tied_positive;
    begin = end;
  }
  if (positives == 0 || below_negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return area / (positives * below_negatives);
}

double confident_error_share(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                             double threshold) {
  STET_ASSERT(!confidence.empty() && confidence.size() == correct.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < confidence.size(); ++i) count += correct[i] == 0 && confidence[i] > threshold;
  return static_cast<double>(count) / static_cast<double>(confidence.size());
}

}  // namespace stet::report
