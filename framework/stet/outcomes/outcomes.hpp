// What a run got right: one 0/1 outcome for each evaluation and fact, with what else was recorded of the answer. All
// statistics and tables start from here and from nothing else, so that any table can be recomputed from the raw
// outcomes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stet::report {

/// Outcomes of one run on one fact set at all its evaluations.
struct Trajectory {
  std::uint32_t evaluations = 0, facts = 0;
  std::vector<std::uint8_t> correct;    ///< [evaluations, facts], row-major, 0 or 1
  std::vector<std::uint64_t> fact_ids;  ///< [facts]
  std::vector<std::uint32_t> stratum;   ///< [facts] relation: the bootstrap resamples facts within it
  std::uint32_t first = 0;              ///< first evaluation that counts for peak, start and forgetting
  std::vector<float> probability;       ///< [evaluations, facts] of the right answer, or empty: not recorded
  /// Whatever else was recorded, by name: [evaluations, facts] or [facts].
  std::map<std::string, std::vector<float>> extra;
};

/// One finished run. Runs of different arms with the same seed are pairs.
struct RunOutcome {
  std::uint64_t seed = 0;
  std::string arm;
  std::map<std::string, Trajectory> sets;  ///< by the name of the fact set
  std::uint64_t base = 0;  ///< the base model that it started from, by its number among the experiment's
};

/// The same facts in the same order and strata: what is drawn for one may be drawn for the other.
[[nodiscard]] inline bool same_facts(const Trajectory& a, const Trajectory& b) {
  return a.fact_ids == b.fact_ids && a.stratum == b.stratum;
}

/// The fact set that a phase or a run is stopped by: known facts, neither trained on nor held.
inline constexpr char validation_set[] = "validation";

/// Throws Error (data) unless there is at least one evaluation and one fact, all arrays have their sizes, every outcome
/// is 0 or 1, and `first` is below `evaluations`. `where` names the run and the set in the message.
void check(const Trajectory& trajectory, std::string_view where);

}  // namespace stet::report
