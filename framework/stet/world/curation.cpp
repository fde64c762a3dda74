#include <stet/world/curation.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace stet {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(std::span<const Candidate> group, std::size_t c) {
  const auto n = static_cast<double>(group.size());
  Moments m;
  const auto is_first = [&](const Candidate& candidate) { return candidate.covariates[c] == group[0].covariates[c]; };
  if (std::all_of(group.begin(), group.end(), is_first)) return {group[0].covariates[c], 0};  // exactly, whatever n is
  for (const Candidate& candidate : group) m.mean += candidate.covariates[c] / n;
  for (const Candidate& candidate : group)
    m.variance += (candidate.covariates[c] - m.mean) * (candidate.covariates[c] - m.mean);
  m.variance = group.size() > 1 ? m.variance / (n - 1) : 0;
  return m;
}

/// One over the standard deviation of each covariate over both groups; 0 for a constant one, which tells nothing.
std::vector<double> scales(std::span<const Candidate> targets, std::span<const Candidate> pool) {
  std::vector<Candidate> all(targets.begin(), targets.end());
  all.insert(all.end(), pool.begin(), pool.end());
  std::vector<double> scale;
  for (std::size_t c = 0; c < all.front().covariates.size(); ++c) {
    const double variance = moments(all, c).variance;
    scale.push_back(variance > 0 ? 1 / std::sqrt(variance) : 0);
  }
  return scale;
}

double distance2(const Candidate& a, const Candidate& b, std::span<const double> scale) {
  double sum = 0;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double d = (a.covariates[c] - b.covariates[c]) * scale[c];
    sum += d * d;
  }
  return sum;
}

Error too_small(const MatchOptions& options, std::size_t size, const std::string& received) {
  return Error(ErrorKind::config, fmt::format("the pool that {} are matched from is too small", options.what))
      .expected(fmt::format("more than {} candidates, enough of them in every relation", size))
      .received(received)
      .hint("ask for smaller sets, make a larger world, or leave sets.match off");
}

}  // namespace

std::vector<std::size_t> match_nearest(std::span<const Candidate> targets, std::span<const Candidate> pool,
                                       std::size_t size, const MatchOptions& options) {
  if (size == 0) return {};
  if (pool.size() <= size) throw too_small(options, size, fmt::format("{} candidates", pool.size()));
  if (targets.empty()) {
    throw Error(ErrorKind::config, fmt::format("there is nothing that {} could be matched to", options.what));
  }
  for (const auto group : {targets, pool}) {
    for (const Candidate& candidate : group) STET_ASSERT(candidate.covariates.size() == targets[0].covariates.size());
  }
  const std::vector<double> scale = scales(targets, pool);
  std::map<std::uint32_t, std::vector<std::size_t>> left;  // of the pool, by relation
  for (std::size_t i = 0; i < pool.size(); ++i) left[pool[i].relation].push_back(i);

  const KeyedPermutation order(targets.size(), options.seed, purpose_id("matching"));
  std::vector<std::size_t> chosen;
  const double limit = options.caliper * options.caliper;
  for (std::uint64_t turn = 0, idle = 0; chosen.size() < size; ++turn) {
    if (idle == targets.size()) {
      throw too_small(options, size, fmt::format("{} that are near enough", chosen.size()))
          .hint("or widen the caliper");
    }
    const Candidate& target = targets[order(turn % targets.size())];
    std::vector<std::size_t>& rest = left[target.relation];
    if (rest.empty() && !(options.caliper < std::numeric_limits<double>::infinity())) {
      throw too_small(
          options, size,
          fmt::format("{} candidates, but too few in relation number {}", pool.size(), target.relation + 1));
    }
    auto best = rest.end();
    double nearest = std::numeric_limits<double>::infinity();
    for (auto at = rest.begin(); at != rest.end(); ++at) {
      const double d = distance2(target, pool[*at], scale);
      if (d <= limit && (best == rest.end() || d < nearest)) {
        nearest = d;
        best = at;
      }
    }
    if (best == rest.end()) {
      ++idle;
      continue;
    }
    idle = 0;
    chosen.push_back(*best);
    rest.erase(best);  // in order, so that ties go to the first
  }
  return chosen;
}

std::vector<double> standardized_mean_differences(std::span<const Candidate> a, std::span<const Candidate> b) {
  if (a.empty() && b.empty()) return {};
  const std::size_t covariates = (a.empty() ? b : a).front().covariates.size();
  std::vector<double> result(covariates, 0.0);
  if (a.empty() || b.empty()) return result;
  for (std::size_t c = 0; c < covariates; ++c) {
    const Moments x = moments(a, c), y = moments(b, c);
    const double spread = std::sqrt((x.variance + y.variance) / 2), difference = x.mean - y.mean;
    if (spread > 0) {
      result[c] = difference / spread;
    } else if (difference != 0) {
      result[c] = std::copysign(std::numeric_limits<double>::infinity(), difference);
    }
  }
  return result;
}

}  // namespace stet
