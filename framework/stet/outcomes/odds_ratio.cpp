#include <stet/base/error.hpp>
#include <stet/outcomes/odds_ratio.hpp>
#include <stet/statistics/resampling.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace stet::report {

namespace {

/// How many facts are right in one of two runs alone.
struct Discordance {
  std::uint64_t only_a = 0, only_b = 0;
};

Discordance discordance(const Trajectory& a, const Trajectory& b, Measure measure) {
  const std::size_t at_a = std::size_t{*odds_evaluation(a, measure)} * a.facts;
  const std::size_t at_b = std::size_t{*odds_evaluation(b, measure)} * b.facts;
  Discordance counts;
  for (std::size_t i = 0; i < a.facts; ++i) {
    counts.only_a += a.correct[at_a + i] > b.correct[at_b + i] ? 1 : 0;
    counts.only_b += a.correct[at_a + i] < b.correct[at_b + i] ? 1 : 0;
  }
  return counts;
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
                                           Measure measure, double confidence) {
  STET_ASSERT(a.size() == b.size());
  OddsRatio result;
  std::vector<double> log_odds;
  bool none_of_a = false, none_of_b = false, any = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!odds_evaluation(*a[i], measure)) return std::nullopt;
    if (!same_facts(*a[i], *b[i])) continue;
    any = true;
    const Discordance counts = discordance(*a[i], *b[i], measure);
    if (counts.only_a + counts.only_b == 0) continue;  // says nothing about a ratio
    result.only_a += counts.only_a;
    result.only_b += counts.only_b;
    none_of_a = none_of_a || counts.only_a == 0;
    none_of_b = none_of_b || counts.only_b == 0;
    log_odds.push_back(
        std::log((static_cast<double>(counts.only_a) + 0.5) / (static_cast<double>(counts.only_b) + 0.5)));
  }
  if (!any) return std::nullopt;
  result.seeds = log_odds.size();
  if (result.only_a == 0 || result.only_b == 0)
    return result;  // 0/0, x/0 or 0/x: only the added halves would give it a value
  result.value =
      std::exp(std::accumulate(log_odds.begin(), log_odds.end(), 0.0) / static_cast<double>(log_odds.size()));
  const Interval interval = t_interval(log_odds, confidence);
  if (std::isnan(interval.low)) return result;
  result.low = none_of_a ? 0.0 : std::exp(interval.low);
  result.high = none_of_b ? std::numeric_limits<double>::infinity() : std::exp(interval.high);
  return result;
}

}  // namespace stet::report
