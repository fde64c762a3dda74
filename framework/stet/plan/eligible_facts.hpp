// Which facts a run's sets may be drawn from: by what the base recalls, or by SLiCK's labels.
#pragma once

#include <stet/evaluate/slick.hpp>
#include <stet/plan/sets_config.hpp>
#include <stet/world/fact_sets.hpp>
#include <stet/world/world.hpp>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stet {

/// What a base model completed right by greedy decoding: [base fact][statement wording].
using Recall = std::vector<std::vector<bool>>;

struct KnowledgeLabels {
  std::unordered_map<std::uint64_t, SlickLabel> of;  ///< by Fact::id; base facts and new facts
  std::string table;                                 ///< shares by relation, Markdown
};

/// The facts that a run's sets are drawn from. Facts of [sets] held_out_relations are in out_of_relation alone (and,
/// with held_out_known, in known).
struct EligibleFacts {
  std::vector<Fact> known;            ///< for the set known
  std::vector<Fact> held;             ///< for held and validation
  std::vector<Fact> fresh;            ///< for unknown and never_seen
  std::vector<Fact> out_of_relation;  ///< known facts (in the sense of `held`) of the relations that are held out
  std::vector<std::pair<std::string, std::vector<Fact>>>
      categories;  ///< with labels: highly_known, maybe_known, weakly_known

  /// The same as views; *this must outlive them.
  [[nodiscard]] FactPools pools() const { return {known, held, fresh, out_of_relation, categories}; }
};
/// `world`: the arm's; its base facts are those of the world that the base model was made from. `labels` null: by
/// recall, base facts recalled in at least the share sets.knowledge of the wordings, and all new facts (who asks before
/// facts are labelled: as if each were in the category that is wanted of it). With labels:
/// base facts in sets.known_categories and sets.held_categories (or sets.categories), and those new facts that the base
/// answers never right (Unknown), since some can be guessed; of a world without new facts, those base facts. Throws
/// Error (config) for a held-out relation that the world has not.
[[nodiscard]] EligibleFacts eligible_facts(const World& world, const Recall& recall, const SetsConfig& sets,
                                           const KnowledgeLabels* labels);

}  // namespace stet
