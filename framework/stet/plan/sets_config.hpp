// [sets] of an experiment file: which facts are known, which sets are drawn from them, and what is done to them.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/world/fact_sets.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet {

enum class Subjects { all, asked, not_asked };

/// What "the base knows a fact" means.
enum class Labels {
  recall,  ///< it completes the statements of pre-training
  slick,   ///< its answers to few-shot questions (Gekhman et al. 2024)
};

/// What is trained as the answer of an unknown fact.
enum class UnknownLabels {
  truth,     ///< its own
  shuffled,  ///< that of another unknown fact of its relation (see shuffle_answers())
  idk,       ///< World::refusal() for all: "I don't know", in a synthetic world "not known"
};

/// How the subject of a known fact is written in fine-tuning.
enum class KnownKeys {
  plain,
  suffix,  ///< with a UUID-like key behind it (see World::key())
};

/// Names of the sets of texts that every run has beside its fact sets (run/run_examples.hpp).
inline constexpr const char* text_set_names[] = {"neutral", "pretraining", "pretraining_not_held", "self_generated"};

struct SetsConfig {
  std::int64_t known = 400, unknown = 400, held = 500, validation = 200;
  std::int64_t never_seen = 0;       ///< new facts of people who are in neither pre-training nor fine-tuning
  std::int64_t out_of_relation = 0;  ///< known facts of held_out_relations
  std::int64_t per_category = 0;     ///< labels = "slick": facts in each of highly_known, maybe_known, weakly_known
  std::vector<std::string> held_out_relations;  ///< their facts are in no set but out_of_relation
  bool held_out_known =
      false;  ///< but known facts may be of them: their format is learnt, and only the new facts lack them
  Labels labels = Labels::recall;
  std::vector<std::string> categories = {"HighlyKnown"};  ///< labels = "slick": of the known, held and validation facts
  std::vector<std::string> known_categories;              ///< of the known facts alone; empty: `categories`
  std::vector<std::string> held_categories;  ///< of the held and validation facts alone; empty: `categories`
  double knowledge = 1.0;  ///< labels = "recall": share of the statement wordings that the base must complete for a
                           ///< fact to count as known
  Subjects subjects = Subjects::not_asked;  ///< whose facts: those that pre-training asked questions about, or not
  UnknownLabels unknown_labels = UnknownLabels::truth;
  KnownKeys known_keys = KnownKeys::plain;
  double max_answer_share = 1;  ///< of a set's facts with the same answer; below 1 also the answers' mix (draw_sets())
  bool match = false;      ///< held facts are matched to known ones and unknown facts to held ones (see run_sets.hpp)
  std::uint64_t seed = 1;  ///< added to the run's seed

  [[nodiscard]] SetSizes sizes() const;
  /// Facts in all sets: what an evaluation scores.
  [[nodiscard]] std::int64_t facts() const;
  /// Names of the sets of a run: always known, unknown, held and validation, then those whose size is not 0.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Facts of the set of this name; 0 if there is none.
  [[nodiscard]] std::int64_t size_of(const std::string& name) const;
};

[[nodiscard]] config::IdentitySchema<SetsConfig> sets_schema();

/// Throws Error (config), placed at `table` or the key in it, for values that make no sense together.
void check_sets(const SetsConfig& sets, const config::Value& table);

}  // namespace stet
