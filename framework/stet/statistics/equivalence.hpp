// A test of "the difference is negligible": two one-sided t-tests (Schuirmann 1987) over seeds.
#pragma once

#include <cstddef>
#include <span>

namespace stet::report {

struct EquivalenceTest {
  double p_value = 1;     ///< the larger of the two
  double p_not_less = 1;  ///< of "the mean is at most -margin", against "it is above"
  double p_not_more = 1;  ///< of "the mean is at least +margin", against "it is below"
  std::size_t degrees = 0;
};

/// Paired two one-sided tests on differences: t = (mean -+ margin) / (sd / sqrt(n)) with n - 1 degrees of freedom. A
/// p-value below 0.05 says that the mean lies inside (-margin, margin), which is the same as the 90 % t interval lying
/// inside; it speaks about seeds and treats a seed's value as one number. Where all differences are the same (to
/// rounding), p is 0 inside the margin and 1 elsewhere. All p are NaN for fewer than two differences. `margin` must be
/// above 0 (assertion); throws Error (data) on a difference that is not finite.
[[nodiscard]] EquivalenceTest equivalence_test(std::span<const double> differences, double margin);

}  // namespace stet::report
