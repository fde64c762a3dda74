// The fact sets of one run: drawn, matched if asked for, changed as controls want them, tokenized in the wording of
// fine-tuning.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/run/knowledge_labels.hpp>

#include <string>
#include <vector>

namespace stet {

struct RunSets {
  std::vector<TokenizedSet> sets;  ///< in the order of SetsConfig::names()
  std::string curation;            ///< Markdown; empty without [sets] match
};

/// Collective (the base scores candidates if sets are matched). A function of the arguments; the same on every rank and
/// for any number of ranks. `labels` null: by recall.
///
/// With [sets] match, every other set is drawn first; then held facts are chosen nearest to the known ones, in their
/// relation, by name length, token frequency, log-likelihood of name and of answer, and frequency of the answer; and
/// unknown facts nearest to the held ones by the same but the answer's likelihood, which sets unknown facts apart by
/// definition. Imbalances that remain (standardized mean difference of 0.1 or more) are logged by rank 0. [sets]
/// unknown_labels and known_keys act last. Outcomes on unknown facts are against the answers that were trained. Throws
/// Error (config) when there are too few facts.
[[nodiscard]] RunSets make_run_sets(const PlannedRun& run, const BaseModel& base, const World& world,
                                    const KnowledgeLabels* labels, Communicator& communicator);

}  // namespace stet
