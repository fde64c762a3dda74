// What a base model knows, fact by fact, by SLiCK: computed once for (base, facts, protocol), kept beside the base, and reused
// by every run and experiment that asks for the same.
#pragma once

#include <stet/evaluate/slick.hpp>
#include <stet/experiment/base_model.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stet {

/// The protocol with this world's lead and separator.
[[nodiscard]] SlickOptions slick_options(SlickOptions protocol, const World& world);

struct KnowledgeLabels {
  std::unordered_map<std::uint64_t, SlickLabel> of;  ///< by Fact::id; base facts and new facts
  std::string table;                                 ///< shares by relation, Markdown
};

/// Collective. Labels the base facts and the new facts of `labels.config`'s world and writes labels.safetensors, slick.md and
/// finished.json into `folder`. Shots come from the world's development facts; a world without them shows base facts about which
/// pre-training asked questions, and these are then not labelled.
void label_facts(const PlannedLabels& labels, const BaseModel& base, const std::filesystem::path& folder, Communicator& communicator,
                 const ProgressSink& progress);

/// What label_facts() asks: the facts to label and the facts to show, by relation.
[[nodiscard]] std::vector<SlickRelation> slick_questions(const World& world);

/// Throws Error (data) if the files are damaged.
[[nodiscard]] KnowledgeLabels load_labels(const std::filesystem::path& folder);

/// The facts that a run's sets are drawn from. Facts of [sets] held_out_relations are in out_of_relation alone (and, with held_out_known, in known).
struct EligibleFacts {
  std::vector<Fact> known;            ///< for the set known
  std::vector<Fact> held;             ///< for held and validation
  std::vector<Fact> fresh;            ///< for unknown and never_seen
  std::vector<Fact> out_of_relation;  ///< known facts (in the sense of `held`) of the relations that are held out
  std::vector<std::pair<std::string, std::vector<Fact>>> categories;  ///< with labels: highly_known, maybe_known, weakly_known

  /// The same as views; *this must outlive them.
  [[nodiscard]] FactPools pools() const { return {known, held, fresh, out_of_relation, categories}; }
};
/// `labels` null: by recall, known facts as BaseModel::known_facts() has them, and all of `world`'s new facts. With labels: base
/// facts in sets.known_categories and sets.held_categories (or sets.categories), and those new facts that the base answers
/// never right (Unknown), since some can be guessed. Throws Error (config) for a held-out relation that the world has not.
[[nodiscard]] EligibleFacts eligible_facts(const BaseModel& base, const World& world, const SetsConfig& sets, const KnowledgeLabels* labels);

}  // namespace stet
