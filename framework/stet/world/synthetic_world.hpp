// A world of made-up people: names of one first and one last name token that people share, relations with pools of
// made-up answers, hand-written English wordings, and new people whose keys overlap with the old ones as much as asked.
// After Zucchet et al. 2025 (arXiv 2503.21676) and, for keys and answer regions, the controls of arXiv 2604.15574.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <stet/world/world.hpp>

namespace stet {

enum class NewKeys {
  semantic,  ///< names like those of the base facts
  uuid,      ///< eight hexadecimal characters, a token each; they occur in neutral pre-training text too
};
enum class AnswerRegion {
  matched,       ///< new answers follow the distribution of the base answers
  concentrated,  ///< the same, restricted to the first half of each answer pool
};

struct SyntheticWorldOptions {
  std::uint64_t seed = 1;
  std::size_t entities = 600;    ///< people in pre-training
  std::size_t relations = 4;     ///< 1..10; facts = entities x relations
  std::size_t answers_min = 40;  ///< sizes of the answer pools are drawn from [answers_min, answers_max] ...
  std::size_t answers_max = 100;
  std::size_t countries = 20;  ///< ... but the first relation, "country", has a small pool of this size
  std::size_t first_names = 60;
  std::size_t last_names = 100;
  double asked_fraction = 0.5;  ///< share of the people about whom pre-training asks questions
  double question_share = 0.3;  ///< share of the examples of an asked fact that are questions
  double neutral_share = 0.05;  ///< share of the examples that are neutral lines; above 0
  /// 0: an epoch shows every person equally often. Above 0: the r-th person in proportion to r^-frequency_exponent, in
  /// an epoch of the same size, so that a base knows some well, some hardly.
  double frequency_exponent = 0.0;
  /// Records in pre-training: each a UUID-like key with a word of a pool of its own, stated or asked once an epoch.
  /// They belong to no fact set. With none, a base sees keys in texts that bind nothing to them, and has yet to learn
  /// how to bind; a large model has met serial numbers.
  std::size_t records = 0;
  std::size_t new_entities = 100;
  NewKeys new_keys = NewKeys::semantic;
  /// Share of the name tokens of new people (semantic keys) that are name tokens of the base; the others are fresh
  /// tokens, which occur in neutral text only, so that they are trained.
  double overlap = 1.0;
  AnswerRegion answer_region = AnswerRegion::matched;
  std::size_t new_per_entity = 0;  ///< new facts a new person, in relations taken in turn; 0: one in every relation
  /// If not empty: each new person has one new fact, in this relation ("country": the setting of the paper's P17).
  std::string new_relation;
};

/// The characters of UUID-like keys, and how many make a key.
inline constexpr char key_alphabet[] = "0123456789abcdef";
inline constexpr std::size_t key_length = 8;

/// A function of the options alone. Base facts are ordered by person, then relation. Throws Error (config) for options
/// that contradict each other (for instance more people than names).
[[nodiscard]] World make_synthetic_world(const SyntheticWorldOptions& options);

}  // namespace stet
