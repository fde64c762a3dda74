#include <stet/base/error.hpp>
#include <stet/statistics/area_under_roc.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace stet::report {

double area_under_roc(std::span<const double> score, std::span<const std::uint8_t> label,
                      std::span<const double> weights) {
  STET_ASSERT(score.size() == label.size() && (weights.empty() || weights.size() == score.size()));
  for (const double x : score) STET_ASSERT(!std::isnan(x));
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score[a] < score[b]; });
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

}  // namespace stet::report
