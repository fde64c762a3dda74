#include <stet/base/error.hpp>
#include <stet/report/resampling.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace stet::report {

double quantile(std::span<const double> sorted, double probability) {
  STET_ASSERT(!sorted.empty() && probability >= 0 && probability <= 1);
  const double position = probability * static_cast<double>(sorted.size() - 1);
  const auto below_index = static_cast<std::size_t>(position);
  const std::size_t above_index = std::min(below_index + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below_index);
  if (weight == 0 || sorted[below_index] == sorted[above_index]) return sorted[below_index];  // infinities too
  return sorted[below_index] + weight * (sorted[above_index] - sorted[below_index]);
}

Interval percentile_interval(std::vector<double> values, double confidence) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty() || std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
    return {nan, nan};
  }
  std::sort(values.begin(), values.end());
  return {quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

}  // namespace stet::report
