// What a base model knows, fact by fact, by SLiCK: computed once for (base, facts, protocol), kept beside the base, and
// reused by every run and experiment that asks for the same.
#pragma once

#include <stet/evaluate/slick.hpp>
#include <stet/plan/eligible_facts.hpp>
#include <stet/run/base_model.hpp>

#include <filesystem>
#include <vector>

namespace stet {

/// The experiment's protocol, with the head of its prompts, the lead of its world's answers and, where it names none, a
/// separator.
[[nodiscard]] SlickOptions slick_options(const RunConfig& config, const World& world);

/// Collective. Labels the base facts and the new facts of `world` (that of `labels.config`) and writes
/// labels.safetensors, slick.md and finished.json into `folder`. Shots come from the world's development facts; a world
/// without them shows base facts about which pre-training asked questions, and these are then not labelled.
void label_facts(const PlannedLabels& labels, const BaseModel& base, const World& world,
                 const std::filesystem::path& folder, Communicator& communicator, const ProgressSink& progress);

/// What label_facts() asks: the facts to label and the facts to show, by relation.
[[nodiscard]] std::vector<SlickRelation> slick_questions(const World& world);

/// Throws Error (data) if the files are damaged.
[[nodiscard]] KnowledgeLabels load_labels(const std::filesystem::path& folder);

}  // namespace stet
