#include <stet/base/error.hpp>
#include <stet/outcomes/fact_sampler.hpp>
#include <stet/report/matched.hpp>
#include <stet/statistics/resampling.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

namespace stet::report {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Curve curve_of_counts(std::span<const std::uint32_t> at, double at_facts, std::span<const std::uint32_t> set,
                      double set_facts, Measure measure) {
  Curve curve;
  double peak = 0;
  for (std::size_t s = 0; s < at.size(); ++s) {
    curve.x.push_back(at[s] / at_facts);
    const double now = set[s];
    peak = std::max(peak, now);
    curve.y.push_back(measure == Measure::forgetting ? (peak == 0 ? nan : (peak - now) / peak)
                      : measure == Measure::drop     ? (peak - now) / set_facts
                                                     : now / set_facts);
  }
  return curve;
}

/// first_crossing, or the value where the curve comes nearest.
double crossing_or_nearest(const Curve& curve, double target) {
  const auto value = first_crossing(curve, target);
  return value ? *value
               : curve.y[static_cast<std::size_t>(std::max_element(curve.x.begin(), curve.x.end()) - curve.x.begin())];
}

double interpolate_or_nearest(std::span<const Point> points, double target) {
  const auto [low, high] =
      std::minmax_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  return *interpolate(points, std::clamp(target, low->x, high->x));
}

std::vector<Point> ends(std::span<const Curve> curves) {
  std::vector<Point> points;
  for (const Curve& curve : curves) points.push_back({curve.x.back(), curve.y.back()});
  return points;
}

/// The facts of all arms of one seed, made ready for resampling.
class SeedSampler {
 public:
  SeedSampler(const SeedRuns& runs, Measure measure) : measure_(measure) {
    STET_ASSERT(runs.at.size() == runs.set.size() && !runs.at.empty());
    for (std::size_t arm = 0; arm < runs.at.size(); ++arm) {
      observed_.push_back(curve_of(*runs.at[arm], *runs.set[arm], measure));
      add(at_, runs.at, arm);
      add(set_, runs.set, arm);
    }
  }

  [[nodiscard]] const std::vector<Curve>& observed() const noexcept { return observed_; }

  [[nodiscard]] const std::vector<Curve>& draw(Random& random) {
    draw(at_, random);
    draw(set_, random);
    drawn_.clear();
    for (std::size_t arm = 0; arm < at_.samplers.size(); ++arm) {
      drawn_.push_back(curve_of_counts(at_.counts(arm), at_.samplers[arm].facts(), set_.counts(arm),
                                       set_.samplers[arm].facts(), measure_));
    }
    return drawn_;
  }

 private:
  struct Side {
    std::vector<FactSampler> samplers;
    std::vector<std::size_t> drawn_with;  // the first arm with the same facts
    std::vector<std::vector<std::uint32_t>> drawn;
    std::span<const std::uint32_t> counts(std::size_t arm) { return samplers[arm].counts(drawn[drawn_with[arm]]); }
  };
  static void add(Side& side, std::span<const Trajectory* const> runs, std::size_t arm) {
    std::size_t same = 0;
    while (!same_facts(*runs[same], *runs[arm])) ++same;
    side.drawn_with.push_back(same);
    side.samplers.emplace_back(*runs[arm], runs[arm]->first, runs[arm]->evaluations);
    side.drawn.emplace_back();
  }
  static void draw(Side& side, Random& random) {
    for (std::size_t arm = 0; arm < side.samplers.size(); ++arm) {
      if (side.drawn_with[arm] == arm) side.samplers[arm].draw(random, side.drawn[arm]);
    }
  }

  Measure measure_;
  std::vector<Curve> observed_, drawn_;
  Side at_, set_;
};

double mean_of(std::span<const double> values) {
  return values.empty() ? nan : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// `draws` are read from least_seeds on; `range` is that of the values.
Estimate estimate_of(std::vector<double> per_seed, std::vector<double> draws, Range range,
                     const BootstrapOptions& options) {
  const Interval interval =
      per_seed.size() < least_seeds
          ? clamp(t_interval(per_seed, options.confidence), range)
          : percentile_interval(std::move(draws), expanded_tail(options.confidence, per_seed.size()));
  return {mean_of(per_seed), interval.low, interval.high, std::move(per_seed)};
}

constexpr Range of_difference{-1, 1};

/// NaN for 0/0: a share of nothing.
double ratio(double numerator, double denominator) {
  if (denominator != 0) return numerator / denominator;
  return numerator == 0 ? nan : std::copysign(infinity, numerator);
}

}  // namespace

Curve curve_of(const Trajectory& at, const Trajectory& set, Measure measure) {
  STET_ASSERT(measure == Measure::final_accuracy || measure == Measure::forgetting || measure == Measure::drop);
  if (at.evaluations != set.evaluations || at.first != set.first) {
    throw Error(ErrorKind::data, "two sets of a run do not have the same evaluations")
        .expected(fmt::format("{} evaluations from {}", at.evaluations, at.first))
        .received(fmt::format("{} evaluations from {}", set.evaluations, set.first));
  }
  const auto counts = [](const Trajectory& t) {
    FactSampler sampler(t, t.first, t.evaluations);
    std::vector<std::uint32_t> all(t.facts);
    std::iota(all.begin(), all.end(), 0U);
    const auto found = sampler.counts(all);
    return std::vector<std::uint32_t>(found.begin(), found.end());
  };
  return curve_of_counts(counts(at), at.facts, counts(set), set.facts, measure);
}

MatchedResult matched_difference(std::span<const SeedRuns> seeds, Measure measure, std::optional<double> accuracy,
                                 const BootstrapOptions& options) {
  MatchedResult result;
  std::vector<double> per_seed;
  std::vector<SeedSampler> samplers;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    SeedSampler sampler(seeds[i], measure);
    const std::span<const Curve> curves = sampler.observed();
    STET_ASSERT(curves.size() >= 2);
    const bool family = curves.size() > 2;
    const double target = accuracy.value_or(curves[0].x.back());
    const auto arm = family ? interpolate(ends(curves.subspan(1)), target) : first_crossing(curves[1], target);
    const auto baseline = family && !accuracy ? curves[0].y.back() : first_crossing(curves[0], target);
    if (!arm || !baseline) continue;
    if (std::isnan(*arm - *baseline)) {
      result.undefined.push_back(i);
      continue;
    }
    per_seed.push_back(*arm - *baseline);
    result.reached.push_back(i);
    samplers.push_back(std::move(sampler));
  }
  std::vector<double> draws;
  const auto value_of = [&](std::span<const Curve> curves) {
    const bool family = curves.size() > 2;
    const double target = accuracy.value_or(curves[0].x.back());
    const double arm =
        family ? interpolate_or_nearest(ends(curves.subspan(1)), target) : crossing_or_nearest(curves[1], target);
    return arm - (family && !accuracy ? curves[0].y.back() : crossing_or_nearest(curves[0], target));
  };
  if (samplers.size() >= least_seeds) {
    draws = bootstrap_means(static_cast<std::uint32_t>(samplers.size()), 1, "matched", options,
                            [&](std::uint32_t run, Random& random, std::span<double> out) {
                              out[0] = drawn_value([&] { return value_of(samplers[run].draw(random)); });
                            });
  }
  result.estimate = estimate_of(std::move(per_seed), std::move(draws), of_difference, options);
  return result;
}

Estimate front_estimate(std::span<const SeedRuns> seeds, bool whole, const BootstrapOptions& options) {
  const auto area = [&](std::span<const Curve> curves) {
    if (!whole) return front_area(ends(curves));
    std::vector<Point> points;
    for (const Curve& curve : curves) {
      for (std::size_t s = 0; s < curve.x.size(); ++s) points.push_back({curve.x[s], curve.y[s]});
    }
    return front_area(points);
  };
  std::vector<SeedSampler> samplers;
  std::vector<double> per_seed, draws;
  for (const SeedRuns& runs : seeds) {
    samplers.emplace_back(runs, Measure::final_accuracy);
    per_seed.push_back(area(samplers.back().observed()));
  }
  if (samplers.size() >= least_seeds) {
    draws = bootstrap_means(
        static_cast<std::uint32_t>(samplers.size()), 1, "front", options,
        [&](std::uint32_t run, Random& random, std::span<double> out) { out[0] = area(samplers[run].draw(random)); });
  }
  return estimate_of(std::move(per_seed), std::move(draws), Range{}, options);
}

ShareResult share_of_gain(std::span<const SeedRuns> seeds, Measure measure, bool matched,
                          std::optional<double> accuracy, const BootstrapOptions& options) {
  ShareResult result;
  std::vector<double> arm_gains, reference_gains, ratios;
  std::vector<SeedSampler> samplers;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    SeedSampler sampler(seeds[i], measure);
    const std::vector<Curve>& curves = sampler.observed();
    STET_ASSERT(curves.size() == 3);
    const double target = accuracy.value_or(curves[0].x.back());
    std::vector<double> values;
    for (const Curve& curve : curves) {
      const std::optional<double> value = matched ? first_crossing(curve, target) : curve.y.back();
      if (value) values.push_back(*value);
    }
    if (values.size() != 3) continue;
    if (std::any_of(values.begin(), values.end(), [](double x) { return std::isnan(x); })) {
      result.undefined.push_back(i);
      continue;
    }
    arm_gains.push_back(values[2] - values[0]);
    reference_gains.push_back(values[1] - values[0]);
    ratios.push_back(ratio(arm_gains.back(), reference_gains.back()));
    result.reached.push_back(i);
    samplers.push_back(std::move(sampler));
  }
  std::vector<double> shares, gains;
  if (samplers.size() >= least_seeds) {
    const std::vector<double> means = bootstrap_means(
        static_cast<std::uint32_t>(samplers.size()), 2, "share", options,
        [&](std::uint32_t run, Random& random, std::span<double> out) {
          // All three values, or none: one that is NaN makes the sum so.
          (void)drawn_value([&] {
            const std::vector<Curve>& curves = samplers[run].draw(random);
            const double target = accuracy.value_or(curves[0].x.back());
            const auto value = [&](const Curve& c) { return matched ? crossing_or_nearest(c, target) : c.y.back(); };
            const double baseline = value(curves[0]);
            out[0] = value(curves[2]) - baseline;
            out[1] = value(curves[1]) - baseline;
            return out[0] + out[1];
          });
        });
    for (std::size_t draw = 0; draw < options.draws; ++draw) {
      const double share = ratio(means[2 * draw], means[2 * draw + 1]);
      if (!std::isnan(share)) shares.push_back(share);
      gains.push_back(means[2 * draw + 1]);
    }
  }
  const double share = ratio(mean_of(arm_gains), mean_of(reference_gains));
  const Interval of_few = fieller_interval(arm_gains, reference_gains, options.confidence);
  result.gain = estimate_of(std::move(reference_gains), std::move(gains), of_difference, options);
  result.share = estimate_of(std::move(ratios), std::move(shares), Range{-infinity, infinity}, options);
  result.share.mean = share;
  if (result.reached.size() < least_seeds)
    std::tie(result.share.low, result.share.high) = std::tie(of_few.low, of_few.high);
  return result;
}

}  // namespace stet::report
