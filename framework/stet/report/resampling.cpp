#include <stet/base/error.hpp>
#include <stet/report/resampling.hpp>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

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

double expanded_tail(double confidence, std::size_t seeds) {
  const double tail = (1 - confidence) / 2;
  if (seeds < 2) return tail;
  const auto n = static_cast<double>(seeds);
  const double t = boost::math::quantile(boost::math::complement(boost::math::students_t_distribution<double>(n - 1), tail));
  return boost::math::cdf(boost::math::complement(boost::math::normal_distribution<double>(), std::sqrt(n / (n - 1)) * t));
}

Interval percentile_interval(std::vector<double> values, double tail) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty() || std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
    return {nan, nan};
  }
  std::sort(values.begin(), values.end());
  return {quantile(values, tail), quantile(values, 1 - tail)};
}

}  // namespace stet::report
