// Hand-written wordings for the relations of EntityQuestions: wordings/entity_questions.toml, which is part of the
// program.
#pragma once

#include <string>
#include <vector>

#include <stet/world/fact.hpp>

namespace stet {

/// The relation without answers. Statements by hand for the 24 published relations, generic ones for others; questions
/// from `question_template` ("Where was [X] born?"); a probe whose words pre-training shows elsewhere.
[[nodiscard]] Relation entity_questions_relation(const std::string& property, const std::string& question_template);

/// Neutral lines that show the words of these relations' probes (see NeutralText).
[[nodiscard]] std::vector<std::string> entity_questions_neutral_patterns(const std::vector<std::string>& properties);

}  // namespace stet
