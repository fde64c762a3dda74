// A number with its interval.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stet::report {

struct Interval {
  double low = 0, high = 0;
};

/// The least and the largest value that a quantity can have.
struct Range {
  double low = 0, high = 1;
};

/// What a bootstrap over seeds and a verdict need at least. With fewer, n seeds have so few resamples, and the expanded
/// interval so small tails, that its ends are the extremes of what was drawn; and no paired test can reach 5 %
/// (smallest_sign_flip_p).
inline constexpr std::size_t least_seeds = 6;

/// `mean` is the plain mean of `per_seed` (not of the draws). From least_seeds on, low and high bound the percentile
/// interval of the bootstrap; with 2 to 5 seeds Student's interval over the seeds' values, cut to the range of the
/// measure; with one seed there is none (NaN).
struct Estimate {
  double mean = 0, low = 0, high = 0;
  std::vector<double> per_seed;  ///< [runs], in the order of the runs
};

struct BootstrapOptions {
  std::uint64_t draws = 10000;
  std::uint64_t seed = 1;
  double confidence = 0.95;  ///< inside (0, 1)
};

}  // namespace stet::report
