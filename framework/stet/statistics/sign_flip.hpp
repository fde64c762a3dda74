// The paired test over seeds.
#pragma once

#include <cstddef>
#include <span>

namespace stet::report {

struct PermutationTest {
  double p_value = 1;
  std::size_t permutations = 0;  ///< sign assignments that were compared, the observed one included
  bool exact = true;             ///< all of them, not a sample
};

/// Largest number of differences for which all sign assignments are compared.
inline constexpr std::size_t exact_sign_flip_limit = 20;

/// Two-sided sign-flip test of "the differences are symmetric about 0": the share of the 2^n sign assignments whose
/// |mean| is at least the observed one. Ties count, within 1e-12 of the sum of |differences|, so that the observed
/// assignment always counts in spite of rounding and p is at least 2/2^n (unless n is 0, or all differences are 0: then
/// p = 1). Beyond exact_sign_flip_limit differences: 99,999 random assignments (Philox, fixed seed) and the observed
/// one, p = (1 + hits) / 100,000. Throws Error (data) on a difference that is not finite.
[[nodiscard]] PermutationTest sign_flip_test(std::span<const double> differences);

/// 2 / 2^n, but at most 1: what the exact test can reach at best with n pairs.
[[nodiscard]] double smallest_sign_flip_p(std::size_t pairs) noexcept;

}  // namespace stet::report
