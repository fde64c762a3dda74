// Drawing the sets of an experiment: facts to train on (known, unknown), to test preservation on (held), to stop by
// (validation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <stet/data/fact.hpp>

namespace stet {

struct FactSet {
  std::string name;
  std::vector<Fact> facts;
};

/// Facts wanted in each set.
struct SetSizes {
  std::size_t known = 0, unknown = 0, held = 0, validation = 0;
};

/// Sets "known", "held" and "validation" from `eligible_known`, "unknown" from `new_facts`, returned in the order
/// known, unknown, held, validation. Exactly the sizes asked for; no subject is in two sets; each set's relation mix is
/// that of `eligible_known` as nearly as whole numbers and the facts at hand allow. Whole subjects are drawn by
/// a permutation keyed with `seed`, then trimmed to the mix. Throws Error (config) when there are not enough facts.
[[nodiscard]] std::vector<FactSet> draw_sets(std::span<const Fact> eligible_known, std::span<const Fact> new_facts,
                                             const SetSizes& sizes, std::uint64_t seed);

}  // namespace stet
