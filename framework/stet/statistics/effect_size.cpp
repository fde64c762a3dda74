#include <stet/base/error.hpp>
#include <stet/statistics/effect_size.hpp>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/tools/toms748_solve.hpp>

#include <algorithm>
#include <cmath>

namespace stet::report {

namespace {

/// J of Hedges: E[d] = effect / J.
double hedges_correction(double degrees) {
  return degrees < 2 ? 0.0 : boost::math::tgamma_ratio(degrees / 2, (degrees - 1) / 2) / std::sqrt(degrees / 2);
}

/// The noncentrality for which a noncentral t is below `t` with the given probability. Falls as the probability rises.
double noncentrality(double t, double degrees, double probability) {
  // T = (Z + c) / S with S = sqrt(chi^2 / degrees): far out, Z is nothing beside c, and what is left is c = t S.
  constexpr double far = 100;
  if (std::abs(t) > far) {
    const boost::math::chi_squared_distribution<double> chi(degrees);
    const double chi_squared = boost::math::quantile(chi, t > 0 ? 1 - probability : probability);
    return t * std::sqrt(chi_squared / degrees);
  }
  const auto excess = [&](double c) {
    return boost::math::cdf(boost::math::non_central_t_distribution<double>(degrees, c), t) - probability;
  };
  double low = t - 1, high = t + 1;
  for (double step = 1; excess(low) < 0; step *= 2) low -= step;
  for (double step = 1; excess(high) > 0; step *= 2) high += step;
  std::uintmax_t iterations = 200;
  const auto [left, right] =
      boost::math::tools::toms748_solve(excess, low, high, boost::math::tools::eps_tolerance<double>(40), iterations);
  return (left + right) / 2;
}

}  // namespace

EffectSize effect_size(std::span<const double> differences, double confidence) {
  STET_ASSERT(confidence > 0 && confidence < 1);
  EffectSize effect;
  const auto n = static_cast<double>(differences.size());
  double mean = 0, largest = 0, squares = 0;
  for (const double x : differences) {
    if (!std::isfinite(x)) return effect;
    mean += x / n;
    largest = std::max(largest, std::abs(x));
  }
  if (differences.size() < 2) return effect;
  for (const double x : differences) squares += (x - mean) * (x - mean);
  const double deviation = std::sqrt(squares / (n - 1));
  // Equal differences leave a deviation of a few roundings, which must not be read as an effect of 1e16.
  const double rounding = 1e-12 * largest;
  if (deviation <= rounding) {
    effect.value = std::abs(mean) <= rounding ? 0.0 : std::copysign(std::numeric_limits<double>::infinity(), mean);
    return effect;
  }
  const double d = mean / deviation, tail = (1 - confidence) / 2;
  if (differences.size() > 2) effect.value = hedges_correction(n - 1) * d;
  effect.low = noncentrality(std::sqrt(n) * d, n - 1, 1 - tail) / std::sqrt(n);
  effect.high = noncentrality(std::sqrt(n) * d, n - 1, tail) / std::sqrt(n);
  return effect;
}

}  // namespace stet::report
