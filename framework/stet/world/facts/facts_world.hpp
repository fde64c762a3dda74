// A world of a user's own questions (facts_file.hpp), for a model that is there already: nothing is pre-trained on it,
// so its wordings are the questions as they stand.
#pragma once

#include <stet/world/facts/facts_file.hpp>
#include <stet/world/world.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet {

struct FactsOptions {
  std::vector<std::string> files;
  std::uint64_t seed = 1;
  double development = 0.1;  ///< share of each relation's questions that few-shot prompts show; at least eight where
                             ///< there are sixteen, else half
};

/// A function of the options and files alone. All questions but the development ones are base facts: which are known
/// and which are new, the model is asked. Questions that are equal but for case, punctuation and articles are one where
/// their answers are (the later ones are left out), and contradict each other where they are not (all are left out);
/// World::notes() says how many, and where the first are. Questions without a relation are of the relation "questions".
/// Where all questions of a relation have one form around their subjects, the subject is what a fact is about;
/// otherwise the question itself counts as its subject. Throws Error (data) as read_own_questions(), or if nothing is
/// left.
[[nodiscard]] World make_facts_world(const FactsOptions& options);

}  // namespace stet
