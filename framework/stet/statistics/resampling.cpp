#include <stet/base/error.hpp>
#include <stet/statistics/resampling.hpp>

#include <fmt/format.h>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

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
  const double t =
      boost::math::quantile(boost::math::complement(boost::math::students_t_distribution<double>(n - 1), tail));
  return boost::math::cdf(
      boost::math::complement(boost::math::normal_distribution<double>(), std::sqrt(n / (n - 1)) * t));
}

Interval percentile_interval(std::vector<double> values, double tail) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (values.empty() || std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
    return {nan, nan};
  }
  std::sort(values.begin(), values.end());
  if (!reaches(values.size(), tail)) return {values.front(), values.back()};
  return {quantile(values, tail), quantile(values, 1 - tail)};
}

bool reaches(std::size_t draws, double tail) noexcept { return tail * (static_cast<double>(draws) - 1) >= 1; }

namespace {

/// The (1 + confidence) / 2 quantile of Student's t.
double t_quantile(std::size_t degrees, double confidence) {
  const boost::math::students_t_distribution<double> t(static_cast<double>(degrees));
  return boost::math::quantile(boost::math::complement(t, (1 - confidence) / 2));
}

bool usable(std::span<const double> values) {
  return values.size() >= 2 && std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

double mean_of_values(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of the means of a and b: covariance of the values over their number.
double covariance_of_means(std::span<const double> a, std::span<const double> b) {
  const double mean_a = mean_of_values(a), mean_b = mean_of_values(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  const auto n = static_cast<double>(a.size());
  return sum / (n - 1) / n;
}

constexpr Interval no_interval{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};

}  // namespace

Interval t_interval(std::span<const double> values, double confidence) {
  if (!usable(values)) return no_interval;
  const double mean = mean_of_values(values);
  const double reach = t_quantile(values.size() - 1, confidence) * std::sqrt(covariance_of_means(values, values));
  return {mean - reach, mean + reach};
}

Interval fieller_interval(std::span<const double> numerators, std::span<const double> denominators, double confidence) {
  STET_ASSERT(numerators.size() == denominators.size());
  if (!usable(numerators) || !usable(denominators)) return no_interval;
  const double a = mean_of_values(numerators), b = mean_of_values(denominators);
  const double squared = std::pow(t_quantile(numerators.size() - 1, confidence), 2);
  // (a - r b)^2 <= t^2 (aa - 2 r ab + r^2 bb): between the roots of second r^2 - 2 first r + zeroth, if `second` is
  // above 0.
  const double second = b * b - squared * covariance_of_means(denominators, denominators);
  const double first = a * b - squared * covariance_of_means(numerators, denominators);
  const double zeroth = a * a - squared * covariance_of_means(numerators, numerators);
  if (!(second > 0)) return no_interval;
  const double root = std::sqrt(std::max(0.0, first * first - second * zeroth));
  return {(first - root) / second, (first + root) / second};
}

Interval clamp(const Interval& interval, Range range) noexcept {
  const auto inside = [&](double x) { return std::isnan(x) ? x : std::min(std::max(x, range.low), range.high); };
  return {inside(interval.low), inside(interval.high)};
}

double largest_difference(std::span<const double> differences, const char* test) {
  double largest = 0;
  for (const double x : differences) {
    if (!std::isfinite(x)) {
      throw Error(ErrorKind::data, "a difference between runs is not a finite number")
          .at(test)
          .expected("finite differences")
          .received(fmt::format("{}", x));
    }
    largest = std::max(largest, std::abs(x));
  }
  return largest;
}

}  // namespace stet::report
