// Outcomes made by hand or by chance, for the tests of outcomes and report.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/outcomes/outcomes.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace stet::report {

/// A trajectory from its rows: rows[evaluation] is a string of '0' and '1', one for each fact.
inline Trajectory trajectory(const std::vector<std::string>& rows, std::uint32_t strata = 1) {
  Trajectory t;
  t.evaluations = static_cast<std::uint32_t>(rows.size());
  t.facts = static_cast<std::uint32_t>(rows.front().size());
  for (const std::string& row : rows) {
    for (const char c : row) t.correct.push_back(static_cast<std::uint8_t>(c - '0'));
  }
  for (std::uint32_t i = 0; i < t.facts; ++i) {
    t.fact_ids.push_back(100 + i);
    t.stratum.push_back(i % strata);
  }
  return t;
}

/// Accuracy `right` of `facts` at the only evaluation.
inline Trajectory share(std::uint32_t right, std::uint32_t facts) {
  return trajectory({std::string(right, '1') + std::string(facts - right, '0')});
}

inline RunOutcome run(std::string arm, std::uint64_t seed, std::map<std::string, Trajectory> sets) {
  return {seed, std::move(arm), std::move(sets)};
}

/// Independent outcomes, right with probability p[evaluation].
inline Trajectory chance(const std::vector<double>& p, std::uint32_t facts, std::uint32_t strata, Random& random) {
  std::vector<std::string> rows;
  for (const double probability : p) {
    std::string row;
    for (std::uint32_t i = 0; i < facts; ++i) row += random.uniform() < probability ? '1' : '0';
    rows.push_back(row);
  }
  return trajectory(rows, strata);
}

inline std::vector<const Trajectory*> pointers(const std::vector<Trajectory>& runs) {
  std::vector<const Trajectory*> result;
  for (const Trajectory& t : runs) result.push_back(&t);
  return result;
}

}  // namespace stet::report
