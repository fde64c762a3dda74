#include <stet/base/error.hpp>
#include <stet/statistics/equivalence.hpp>
#include <stet/statistics/resampling.hpp>

#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace stet::report {

EquivalenceTest equivalence_test(std::span<const double> differences, double margin) {
  STET_ASSERT(margin > 0);
  const double largest = largest_difference(differences, "equivalence test");
  const std::size_t n = differences.size();
  if (n < 2) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, nan, 0};
  }
  const double mean = std::accumulate(differences.begin(), differences.end(), 0.0) / static_cast<double>(n);
  double squares = 0;
  for (const double x : differences) squares += (x - mean) * (x - mean);
  const double error = std::sqrt(squares / static_cast<double>(n - 1) / static_cast<double>(n));
  EquivalenceTest test;
  test.degrees = n - 1;
  if (error <= 1e-12 * largest || error == 0) {
    test.p_not_less = mean > -margin ? 0 : 1;
    test.p_not_more = mean < margin ? 0 : 1;
  } else {
    const boost::math::students_t_distribution<double> t(static_cast<double>(n - 1));
    test.p_not_less = boost::math::cdf(boost::math::complement(t, (mean + margin) / error));
    test.p_not_more = boost::math::cdf(t, (mean - margin) / error);
  }
  test.p_value = std::max(test.p_not_less, test.p_not_more);
  return test;
}

}  // namespace stet::report
