// What a run shows to plugins beside its batches: its fact sets, and texts like those of pre-training.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/run/base_model.hpp>
#include <stet/train/example_store.hpp>

#include <cstdint>
#include <span>

namespace stet {

/// At most so many texts in each of the sets of texts.
inline constexpr std::uint64_t rehearsal_texts = 2048;

/// Adds the fact sets under their names (sets[i] must have number i), and, made when first asked for, those of
/// text_set_names (sets_config.hpp):
///   "neutral":        neutral lines of pre-training,
///   "pretraining":    texts about base facts, drawn anew for each seed (facts of the held set are among them),
///   "pretraining_not_held": the same without the facts of the set "held",
///   "self_generated": what the base itself writes after the first token of such texts, sampled at temperature 1.
/// All tokens of a text but the first are predicted with loss. `world`: the arm's. What is handed in must outlive the
/// store.
void fill_examples(ExampleStore& store, std::span<const TokenizedSet> sets, const BaseModel& base, const World& world,
                   std::uint64_t seed);

}  // namespace stet
