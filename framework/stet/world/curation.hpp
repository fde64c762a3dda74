// Matched curation: choosing facts so that conditions do not differ in what is not their subject (name length, token
// frequency, how probable the base finds name and answer ...). Greedy nearest-neighbour matching without replacement on
// standardized covariates, exact on the relation (Rosenbaum and Rubin 1985); balance is told by standardized mean
// differences (Austin 2009, below 0.1: balanced). It knows nothing of models: covariates are numbers that a caller
// brings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// A fact as matching sees it.
struct Candidate {
  std::uint32_t relation = 0;      ///< matched exactly
  std::vector<double> covariates;  ///< [C], the same C in all candidates
};

struct MatchOptions {
  std::uint64_t seed = 1;  ///< of the order in which targets choose
  /// Largest distance between a target and its match: Euclidean in covariates divided by their standard deviations over
  /// targets and pool. A target without a match this near is passed over.
  double caliper = std::numeric_limits<double>::infinity();
  std::string what = "facts";  ///< for messages: "held facts"
};

/// `size` different members of `pool`, each the nearest that is left, in its relation, to one of `targets`. Targets
/// choose in an order keyed by the seed; if there are fewer of them than `size` they choose again, in turn. Returns
/// indices into `pool` in the order of choice, a function of the arguments. Throws Error (config) unless `pool` has
/// more than `size` members, and if a relation or the caliper leaves fewer than `size`.
[[nodiscard]] std::vector<std::size_t> match_nearest(std::span<const Candidate> targets,
                                                     std::span<const Candidate> pool, std::size_t size,
                                                     const MatchOptions& options);

/// For each covariate (mean a - mean b) / sqrt((variance a + variance b) / 2), with n - 1 in the variances. 0 if both
/// groups are constant and equal, infinite if they are constant and differ; all 0 if a group is empty.
[[nodiscard]] std::vector<double> standardized_mean_differences(std::span<const Candidate> a,
                                                                std::span<const Candidate> b);

}  // namespace stet
