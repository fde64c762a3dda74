#include <stet/base/error.hpp>
#include <stet/outcomes/fact_sampler.hpp>
#include <stet/report/matched.hpp>
#include <stet/statistics/resampling.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

/// first_crossing; or, of a resample, the value where the curve comes nearest.
std::optional<double> crossing(const Curve& curve, double target, bool nearest) {
  const auto value = first_crossing(curve, target);
  if (value || !nearest) return value;
  return curve.y[static_cast<std::size_t>(std::max_element(curve.x.begin(), curve.x.end()) - curve.x.begin())];
}

/// interpolate; or, of a resample, the value where the points come nearest.
std::optional<double> between(std::span<const Point> points, double target, bool nearest) {
  const auto [low, high] =
      std::minmax_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  return interpolate(points, nearest ? std::clamp(target, low->x, high->x) : target);
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

/// What several seeds say, [Width] values each, and resamples of them.
template <std::size_t Width>
struct Resampled {
  std::array<std::vector<double>, Width> per_seed, draws;  // draws from least_seeds on
  std::vector<std::size_t> reached, undefined;             // as in MatchedResult
};

/// `values_of(curves, drawn)`: of one seed as observed, or of a resample of it; nothing where it does not reach the
/// accuracy.
template <std::size_t Width, class ValuesOf>
Resampled<Width> resample_seeds(std::span<const SeedRuns> seeds, Measure measure, std::string_view purpose,
                                const BootstrapOptions& options, const ValuesOf& values_of) {
  using Values = std::array<double, Width>;
  const auto sum = [](const Values& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  Resampled<Width> result;
  std::vector<SeedSampler> samplers;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    SeedSampler sampler(seeds[i], measure);
    const std::optional<Values> values = values_of(sampler.observed(), false);
    if (!values) continue;
    if (std::isnan(sum(*values))) {
      result.undefined.push_back(i);
      continue;
    }
    for (std::size_t k = 0; k < Width; ++k) result.per_seed[k].push_back((*values)[k]);
    result.reached.push_back(i);
    samplers.push_back(std::move(sampler));
  }
  if (samplers.size() < least_seeds) return result;
  const std::vector<double> means =
      bootstrap_means(static_cast<std::uint32_t>(samplers.size()), Width, purpose, options,
                      [&](std::uint32_t run, Random& random, std::span<double> out) {
                        (void)drawn_value([&] {  // all of the values, or none
                          const Values values = *values_of(samplers[run].draw(random), true);
                          std::copy(values.begin(), values.end(), out.begin());
                          return sum(values);
                        });
                      });
  for (std::size_t i = 0; i < means.size(); ++i) result.draws[i % Width].push_back(means[i]);
  return result;
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
  const auto difference = [&](std::span<const Curve> curves, bool drawn) -> std::optional<std::array<double, 1>> {
    STET_ASSERT(curves.size() >= 2);
    const bool family = curves.size() > 2;
    const double target = accuracy.value_or(curves[0].x.back());
    const auto arm = family ? between(ends(curves.subspan(1)), target, drawn) : crossing(curves[1], target, drawn);
    const auto baseline = family && !accuracy ? curves[0].y.back() : crossing(curves[0], target, drawn);
    if (!arm || !baseline) return std::nullopt;
    return {{*arm - *baseline}};
  };
  auto found = resample_seeds<1>(seeds, measure, "matched", options, difference);
  return {estimate_of(std::move(found.per_seed[0]), std::move(found.draws[0]), of_difference, options),
          std::move(found.reached), std::move(found.undefined)};
}

Estimate front_estimate(std::span<const SeedRuns> seeds, bool whole, const BootstrapOptions& options) {
  const auto area = [&](std::span<const Curve> curves, bool /*drawn*/) -> std::optional<std::array<double, 1>> {
    std::vector<Point> points;
    for (const Curve& curve : curves) {
      for (std::size_t s = whole ? 0 : curve.x.size() - 1; s < curve.x.size(); ++s)
        points.push_back({curve.x[s], curve.y[s]});
    }
    return {{front_area(points)}};
  };
  auto found = resample_seeds<1>(seeds, Measure::final_accuracy, "front", options, area);
  return estimate_of(std::move(found.per_seed[0]), std::move(found.draws[0]), Range{}, options);
}

ShareResult share_of_gain(std::span<const SeedRuns> seeds, Measure measure, bool matched,
                          std::optional<double> accuracy, const BootstrapOptions& options) {
  const auto gains = [&](std::span<const Curve> curves, bool drawn) -> std::optional<std::array<double, 2>> {
    STET_ASSERT(curves.size() == 3);
    const double target = accuracy.value_or(curves[0].x.back());
    std::array<double, 3> values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::optional<double> value = matched ? crossing(curves[i], target, drawn) : curves[i].y.back();
      if (!value) return std::nullopt;
      values[i] = *value;
    }
    return {{values[2] - values[0], values[1] - values[0]}};
  };
  auto found = resample_seeds<2>(seeds, measure, "share", options, gains);
  const auto& [arm, reference] = found.per_seed;
  std::vector<double> ratios, shares;
  for (std::size_t i = 0; i < arm.size(); ++i) ratios.push_back(ratio(arm[i], reference[i]));
  for (std::size_t draw = 0; draw < found.draws[0].size(); ++draw) {
    const double share = ratio(found.draws[0][draw], found.draws[1][draw]);
    if (!std::isnan(share)) shares.push_back(share);
  }
  ShareResult result{estimate_of(std::move(ratios), std::move(shares), Range{-infinity, infinity}, options),
                     estimate_of(reference, std::move(found.draws[1]), of_difference, options),
                     std::move(found.reached), std::move(found.undefined)};
  result.share.mean = ratio(mean_of(arm), mean_of(reference));
  if (result.reached.size() < least_seeds) {
    const Interval of_few = fieller_interval(arm, reference, options.confidence);
    std::tie(result.share.low, result.share.high) = std::tie(of_few.low, of_few.high);
  }
  return result;
}

}  // namespace stet::report
