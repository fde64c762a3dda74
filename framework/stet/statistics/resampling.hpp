// What all bootstraps share.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/statistics/estimate.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stet::report {

/// Uniform in [0, n), exactly (Lemire's rejection), from 32 bits: half the random bits of Random::below.
[[nodiscard]] inline std::uint32_t below(Random& random, std::uint32_t n) {
  std::uint64_t product = std::uint64_t{random.bits32()} * n;
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = (0U - n) % n;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{random.bits32()} * n;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

/// Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996). `sorted` must not be empty.
[[nodiscard]] double quantile(std::span<const double> sorted, double probability);

/// The share of draws to leave out on either side for an interval from `seeds` resampled seeds: the expanded percentile
/// interval of Hesterberg 2015 ("What Teachers Should Know About the Bootstrap", section 4.3),
///     1 - Phi( sqrt(n / (n - 1)) t ),    t: the (1 + confidence) / 2 quantile of Student's t with n - 1 degrees.
/// Plain percentiles of n drawn seeds are too narrow, by the missing n / (n - 1) in their variance and by taking it for
/// known: of six seeds they cover some 88 % instead of 95. Below two seeds it is (1 - confidence) / 2.
[[nodiscard]] double expanded_tail(double confidence, std::size_t seeds);

/// The quantiles that leave `tail` of the values out on either side; the smallest and the largest value where less than
/// one value lies beyond, so that no end is an interpolation inside what was never drawn. NaN if a value is NaN or
/// there is none.
[[nodiscard]] Interval percentile_interval(std::vector<double> values, double tail);

/// Whether `draws` draws have at least one beyond the tail.
[[nodiscard]] bool reaches(std::size_t draws, double tail) noexcept;

/// mean -+ t sd / sqrt(n) with n - 1 degrees of freedom: values of a seed each are what it takes for independent. NaN
/// for fewer than two values, or one that is not finite.
[[nodiscard]] Interval t_interval(std::span<const double> values, double confidence);

/// Bounds of (mean of numerators) / (mean of denominators) for pairs that belong to seeds, by Fieller 1954: the ratios
/// r for which the t interval of numerator - r denominator holds 0. NaN where they are not bounded (the t interval of
/// the denominator holds 0), and for fewer than two pairs.
[[nodiscard]] Interval fieller_interval(std::span<const double> numerators, std::span<const double> denominators,
                                        double confidence);

/// The part of an interval inside the range; NaN stays.
[[nodiscard]] Interval clamp(const Interval& interval, Range range) noexcept;

/// The largest |difference| between runs. Throws Error (data), naming the test, for one that is not finite.
[[nodiscard]] double largest_difference(std::span<const double> differences, const char* test);

/// value(), drawn anew while it is NaN: what a resample cannot say (of the facts that it drew none was known) is not
/// part of the distribution of what was said. A measure that the data give a value has one in at least some 10 % of the
/// resamples; if it has not in 1000, NaN.
template <class Value>
[[nodiscard]] double drawn_value(Value value) {
  double drawn = value();
  for (int again = 0; std::isnan(drawn) && again < 1000; ++again) drawn = value();
  return drawn;
}

/// Means over runs that are drawn with replacement, as many as there are. `values_of_run(run, random, out)` resamples
/// the facts of one run and writes its `width` values. Result: [draws, width], row-major. A function of the data,
/// options.seed and `purpose` alone.
template <class ValuesOfRun>
[[nodiscard]] std::vector<double> bootstrap_means(std::uint32_t runs, std::size_t width, std::string_view purpose,
                                                  const BootstrapOptions& options, ValuesOfRun values_of_run) {
  std::vector<double> means(options.draws * width), values(width);
  for (std::uint32_t draw = 0; draw < options.draws; ++draw) {
    Random random(options.seed, purpose, draw);
    const std::span<double> mean = std::span(means).subspan(draw * width, width);
    for (std::uint32_t i = 0; i < runs; ++i) {
      values_of_run(below(random, runs), random, std::span(values));
      for (std::size_t k = 0; k < width; ++k) mean[k] += values[k];
    }
    for (double& x : mean) x /= runs;
  }
  return means;
}

}  // namespace stet::report
