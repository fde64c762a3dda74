// The hand-written English of the synthetic world: ten relations, and lines that state nothing.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace stet {

/// Wordings of a relation (see Relation), and `neutral` lines that show the words of its probe in other contexts.
struct RelationWordings {
  std::string name;
  std::vector<std::string> statements, held_out, questions;
  std::string probe;
  std::vector<std::string> neutral;
};

/// Ten relations; the first is "country".
[[nodiscard]] std::vector<RelationWordings> synthetic_relation_wordings();

/// Patterns of neutral lines for every synthetic world (see NeutralText): keys, fresh names, everyday phrases.
[[nodiscard]] std::vector<std::string> synthetic_neutral_patterns();

/// Wordings of records: "[X]" is the key, "[Y]" the word that goes with it.
[[nodiscard]] std::vector<std::string> synthetic_record_wordings();

}  // namespace stet
