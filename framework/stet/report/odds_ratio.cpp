#include <stet/base/error.hpp>
#include <stet/report/fact_sampler.hpp>
#include <stet/report/odds_ratio.hpp>
#include <stet/report/resampling.hpp>

#include <cmath>

namespace stet::report {

namespace {

/// Per fact the two sorts of discordance, as a trajectory of two "evaluations", so that FactSampler counts both.
Trajectory discordance(const Trajectory& a, const Trajectory& b, Measure measure) {
  const std::size_t at_a = std::size_t{*odds_evaluation(a, measure)} * a.facts;
  const std::size_t at_b = std::size_t{*odds_evaluation(b, measure)} * b.facts;
  Trajectory pair;
  pair.evaluations = 2;
  pair.facts = a.facts;
  pair.fact_ids = a.fact_ids;
  pair.stratum = a.stratum;
  pair.correct.resize(2 * std::size_t{a.facts});
  for (std::size_t i = 0; i < a.facts; ++i) {
    pair.correct[i] = a.correct[at_a + i] > b.correct[at_b + i];
    pair.correct[a.facts + i] = a.correct[at_a + i] < b.correct[at_b + i];
  }
  return pair;
}

}  // namespace

std::optional<std::uint32_t> odds_evaluation(const Trajectory& trajectory, Measure measure) {
  switch (measure) {
    case Measure::final_accuracy:
    case Measure::forgetting:
    case Measure::drop: return trajectory.evaluations - 1;
    case Measure::start_accuracy: return trajectory.first;
    default: return std::nullopt;
  }
}

std::optional<OddsRatio> paired_odds_ratio(std::span<const Trajectory* const> a, std::span<const Trajectory* const> b,
                                           Measure measure, const BootstrapOptions& options) {
  STET_ASSERT(a.size() == b.size());
  OddsRatio result;
  std::vector<FactSampler> pairs;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!odds_evaluation(*a[i], measure)) return std::nullopt;
    if (!same_facts(*a[i], *b[i])) continue;
    const Trajectory pair = discordance(*a[i], *b[i], measure);
    for (std::size_t fact = 0; fact < pair.facts; ++fact) {
      result.only_a += pair.correct[fact];
      result.only_b += pair.correct[pair.facts + fact];
    }
    pairs.emplace_back(pair, 0U, 2U);
  }
  if (pairs.empty()) return std::nullopt;
  const auto ratio = [](double only_a, double only_b) { return (only_a + 0.5) / (only_b + 0.5); };
  result.value = ratio(static_cast<double>(result.only_a), static_cast<double>(result.only_b));

  const auto runs = static_cast<std::uint32_t>(pairs.size());
  std::vector<std::uint32_t> drawn;
  const std::vector<double> means = bootstrap_means(
      runs, 2, "odds ratio", options, [&](std::uint32_t run, Random& random, std::span<double> out) {
        pairs[run].draw(random, drawn);
        const auto counts = pairs[run].counts(drawn);
        out[0] = counts[0];
        out[1] = counts[1];
      });
  std::vector<double> ratios(options.draws);
  for (std::size_t draw = 0; draw < ratios.size(); ++draw) {
    ratios[draw] = ratio(means[2 * draw] * runs, means[2 * draw + 1] * runs);
  }
  const Interval interval = percentile_interval(std::move(ratios), expanded_tail(options.confidence, runs));
  result.low = interval.low;
  result.high = interval.high;
  return result;
}

}  // namespace stet::report
