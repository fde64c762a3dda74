// The hand-written English of the synthetic world: wordings/synthetic.toml, which is part of the program.
#pragma once

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

struct SyntheticWordings {
  std::vector<RelationWordings> relations;  ///< ten; the first is "country"
  std::vector<std::string> neutral;         ///< patterns of neutral lines for every synthetic world (see NeutralText)
  std::vector<std::string> records;         ///< "[X]" is the key, "[Y]" the word that goes with it
};

[[nodiscard]] const SyntheticWordings& synthetic_wordings();

}  // namespace stet
