// Drawing the sets of an experiment: facts to train on (known, unknown), to test preservation on (held), to stop by
// (validation), and more to evaluate on alone: new facts that nothing shows (never_seen), facts of relations that
// fine-tuning never shows (out_of_relation), facts of a category of knowledge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stet/world/fact.hpp>

namespace stet {

struct FactSet {
  std::string name;
  std::vector<Fact> facts;
};

/// Facts wanted in each set.
struct SetSizes {
  std::size_t known = 0, unknown = 0, held = 0, validation = 0;
  std::size_t never_seen = 0, out_of_relation = 0;
  std::size_t per_category = 0;  ///< in each set of FactPools::categories
};

/// What the sets are drawn from.
struct FactPools {
  std::span<const Fact> known;            ///< for "known"
  std::span<const Fact> held;             ///< for "held" and "validation"; may be the same as `known`
  std::span<const Fact> fresh;            ///< for "unknown" and "never_seen"
  std::span<const Fact> out_of_relation;  ///< for "out_of_relation"
  std::vector<std::pair<std::string, std::vector<Fact>>> categories;  ///< further sets, by name
};

/// "known", "unknown", "held" and "validation", always; then "never_seen", "out_of_relation" and the categories' sets,
/// those whose size is not 0, in this order. Exactly the sizes asked for; no subject is in two sets, except that the
/// categories' sets may share subjects with each other. Each set's relation mix is that of `known` (out_of_relation and
/// the categories: that of their own pool) as nearly as whole numbers and the facts at hand allow. Whole subjects are
/// drawn by a permutation keyed with `seed`, then trimmed to the mix. Sets added to a draw leave the first four as they
/// were, but the categories' sets, which are drawn before all others: arms that train on different facts are asked the
/// same ones. Throws Error (config) when there are not enough facts.
///
/// With a `max_answer_share` below 1, at most that share of a set's facts, rounded up, has the same answer, and the
/// sets are alike in their answers too: in each relation every answer has the share that it has in the pool, of the
/// known, held and fresh, where it is rarest (then all are scaled up, none above the limit), as nearly as the facts at
/// hand allow. A relation whose pools have too few answers in common for that has its answers limited alone.
[[nodiscard]] std::vector<FactSet> draw_sets(const FactPools& pools, const SetSizes& sizes, std::uint64_t seed,
                                             double max_answer_share = 1);

/// The same with one pool for known, held and validation facts.
[[nodiscard]] std::vector<FactSet> draw_sets(std::span<const Fact> eligible_known, std::span<const Fact> new_facts,
                                             const SetSizes& sizes, std::uint64_t seed);

}  // namespace stet
