#include <stet/base/error.hpp>
#include <stet/outcomes/bootstrap.hpp>
#include <stet/outcomes/fact_sampler.hpp>
#include <stet/outcomes/item_measure.hpp>
#include <stet/statistics/resampling.hpp>

#include <array>
#include <cmath>
#include <numeric>
#include <optional>

namespace stet::report {

namespace {

/// One run made ready for resampling.
class Sampler {
 public:
  Sampler(const Trajectory& trajectory, Measure measure)
      : measure_(measure), facts_(trajectory, begin_of(trajectory, measure), end_of(trajectory, measure)) {
    if (reads_items(measure)) items_.emplace(trajectory, measure, facts_.order());
  }

  void draw(Random& random, std::vector<std::uint32_t>& drawn) const { facts_.draw(random, drawn); }

  [[nodiscard]] double value(std::span<const std::uint32_t> drawn) {
    return items_ ? items_->value(drawn) : measure_of_counts(facts_.counts(drawn), drawn.size(), measure_);
  }

 private:
  /// Only the evaluations that the measure reads.
  static std::uint32_t begin_of(const Trajectory& t, Measure measure) {
    return measure == Measure::final_accuracy || measure == Measure::early_stop_accuracy || reads_items(measure)
               ? t.evaluations - 1
               : t.first;
  }
  static std::uint32_t end_of(const Trajectory& t, Measure measure) {
    return measure == Measure::start_accuracy ? t.first + 1 : t.evaluations;
  }

  Measure measure_;
  FactSampler facts_;
  std::optional<ItemMeasure> items_;
};

/// `value_of_run(run, random)` resamples the facts of one run and gives its value. `range`: of the values.
template <class ValueOfRun>
Estimate resample(std::vector<double> per_seed, Measure measure, Range range, const BootstrapOptions& options,
                  ValueOfRun value_of_run) {
  STET_ASSERT(options.draws > 0 && options.confidence > 0 && options.confidence < 1);
  const auto runs = static_cast<std::uint32_t>(per_seed.size());
  Estimate estimate;
  estimate.mean = std::accumulate(per_seed.begin(), per_seed.end(), 0.0) / runs;
  Interval interval = clamp(t_interval(per_seed, options.confidence), range);  // NaN if a value is
  if (runs >= least_seeds && !std::isnan(estimate.mean)) {
    std::vector<double> means =
        bootstrap_means(runs, 1, "bootstrap", options, [&](std::uint32_t run, Random& random, std::span<double> out) {
          out[0] = drawn_value([&] { return value_of_run(run, random); });
        });
    if (measure == Measure::ece) {
      const double bias =
          std::accumulate(means.begin(), means.end(), 0.0) / static_cast<double>(means.size()) - estimate.mean;
      for (double& value : means) value -= bias;
    }
    interval = percentile_interval(std::move(means), expanded_tail(options.confidence, runs));
  }
  estimate.low = interval.low;
  estimate.high = interval.high;
  estimate.per_seed = std::move(per_seed);
  return estimate;
}

/// A signed sum of sides, each [runs].
struct Side {
  std::span<const Trajectory* const> runs;
  double sign;
};

Estimate signed_sum(std::span<const Side> sides, Measure which, const BootstrapOptions& options) {
  struct Drawn {
    Sampler sampler;
    std::size_t as;  // the first side with the same facts: its own place if they are new
    std::vector<std::uint32_t> facts;
  };
  std::vector<std::vector<Drawn>> all;
  std::vector<double> per_seed;
  for (std::size_t i = 0; i < sides.front().runs.size(); ++i) {
    auto& pair = all.emplace_back();
    double value = 0;
    for (std::size_t side = 0; side < sides.size(); ++side) {
      const Trajectory& run = *sides[side].runs[i];
      std::size_t as = 0;
      while (!same_facts(run, *sides[as].runs[i])) ++as;
      pair.push_back({Sampler(run, which), as, {}});
      value += sides[side].sign * measure(run, which);
    }
    per_seed.push_back(value);
  }
  Range range = range_of(which);
  if (sides.size() > 1) {  // half of them are subtracted from the others
    const double widest = static_cast<double>(sides.size() / 2) * (range.high - range.low);
    range = {-widest, widest};
  }
  return resample(std::move(per_seed), which, range, options, [&](std::uint32_t run, Random& random) {
    double value = 0;
    for (std::size_t side = 0; side < sides.size(); ++side) {
      Drawn& drawn = all[run][side];
      if (drawn.as == side) drawn.sampler.draw(random, drawn.facts);
      value += sides[side].sign * drawn.sampler.value(all[run][drawn.as].facts);
    }
    return value;
  });
}

}  // namespace

Estimate hierarchical_bootstrap(std::span<const Trajectory* const> runs, Measure which,
                                const BootstrapOptions& options) {
  STET_ASSERT(!runs.empty());
  return signed_sum(std::array{Side{runs, 1}}, which, options);
}

Estimate paired_difference(std::span<const Trajectory* const> a, std::span<const Trajectory* const> b, Measure which,
                           const BootstrapOptions& options) {
  STET_ASSERT(!a.empty() && a.size() == b.size());
  return signed_sum(std::array{Side{a, 1}, Side{b, -1}}, which, options);
}

Estimate difference_of_differences(std::span<const Trajectory* const> a, std::span<const Trajectory* const> b,
                                   std::span<const Trajectory* const> c, std::span<const Trajectory* const> d,
                                   Measure which, const BootstrapOptions& options) {
  STET_ASSERT(!a.empty() && a.size() == b.size() && a.size() == c.size() && a.size() == d.size());
  return signed_sum(std::array{Side{a, 1}, Side{b, -1}, Side{c, -1}, Side{d, 1}}, which, options);
}

}  // namespace stet::report
