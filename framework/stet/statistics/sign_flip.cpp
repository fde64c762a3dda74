#include <stet/base/philox.hpp>
#include <stet/statistics/resampling.hpp>
#include <stet/statistics/sign_flip.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace stet::report {

namespace {

constexpr std::size_t sampled_assignments = 99999;

/// Signed sums of all 2^n assignments of signs to `values`.
std::vector<double> signed_sums(std::span<const double> values) {
  std::vector<double> sums{0.0};
  for (const double value : values) {
    const std::size_t size = sums.size();
    sums.resize(2 * size);
    for (std::size_t i = 0; i < size; ++i) {
      sums[size + i] = sums[i] - value;
      sums[i] += value;
    }
  }
  return sums;
}

}  // namespace

PermutationTest sign_flip_test(std::span<const double> differences) {
  const double largest = largest_difference(differences, "sign-flip test");
  const std::size_t n = differences.size();
  if (n == 0) return {1.0, 1, true};

  // Scaled by the largest, so that sums cannot overflow.
  std::vector<double> scaled;
  double observed = 0, magnitude = 0;
  for (const double x : differences) {
    scaled.push_back(largest > 0 ? x / largest : 0.0);
    observed += scaled.back();
    magnitude += std::abs(scaled.back());
  }
  const double threshold = std::abs(observed) - 1e-12 * magnitude;

  std::size_t hits = 0;
  if (n <= exact_sign_flip_limit) {
    // Two halves, so that each of the 2^n sums is one addition and no error accumulates.
    const auto left = signed_sums(std::span(scaled).first(n / 2));
    const auto right = signed_sums(std::span(scaled).subspan(n / 2));
    for (const double x : left) {
      for (const double y : right) hits += std::abs(x + y) >= threshold;
    }
    const std::size_t all = std::size_t{1} << n;
    return {static_cast<double>(hits) / static_cast<double>(all), all, true};
  }
  for (std::size_t assignment = 0; assignment < sampled_assignments; ++assignment) {
    Random random(0, "sign-flip", assignment);
    double sum = 0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < n; ++i, bits >>= 1) {
      if (i % 32 == 0) bits = random.bits32();
      sum += (bits & 1U) != 0 ? -scaled[i] : scaled[i];
    }
    hits += std::abs(sum) >= threshold;
  }
  return {static_cast<double>(hits + 1) / static_cast<double>(sampled_assignments + 1), sampled_assignments + 1, false};
}

double smallest_sign_flip_p(std::size_t pairs) noexcept {
  return pairs == 0 ? 1.0 : std::ldexp(1.0, 1 - static_cast<int>(std::min<std::size_t>(pairs, 1000)));
}

}  // namespace stet::report
