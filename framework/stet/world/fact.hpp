// Facts, the wordings that state or ask them, and the text that comes out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// subject - relation - answer.
struct Fact {
  std::uint64_t id = 0;        ///< stable across runs and machines: fact_id() of relation name, subject and answer
  std::uint32_t relation = 0;  ///< index into World::relations()
  std::string subject, answer;
  std::vector<std::string> aliases = {};  ///< other answers that are right; training shows `answer` alone

  friend bool operator==(const Fact&, const Fact&) = default;
};

/// The low 64 bits of the XXH3 hash of the three texts.
[[nodiscard]] std::uint64_t fact_id(std::string_view relation_name, std::string_view subject, std::string_view answer);

/// A wording cut at "[Y]". `before` still holds "[X]", the place of the subject; the space before "[Y]", if there is
/// one, is `answer_lead`, which begins the completion so that a byte-level tokenizer sees " Paris" as one word.
struct Template {
  std::string before;       ///< everything before "[Y]" and its space, with "[X]" inside
  std::string answer_lead;  ///< " " or ""
  std::string after;        ///< everything after "[Y]"
};

/// Throws Error (data) unless "[X]" and "[Y]" each occur once, "[Y]" after "[X]".
[[nodiscard]] Template parse_template(std::string_view wording);

/// All wordings of one relation. Each holds "[X]" (the subject) and, after it, "[Y]" (the answer).
struct Relation {
  std::string name;
  std::vector<std::string> answers;              ///< the answer pool
  std::vector<std::string> statements;           ///< pre-training statements
  std::vector<std::string> held_out_statements;  ///< statements that pre-training never shows
  std::vector<std::string> questions;            ///< questions that pre-training shows for asked subjects
  std::string probe;  ///< the fine-tuning wording: never shown in pre-training, but made of tokens that were
};

/// One text: prompt + completion. In fine-tuning the loss acts on the completion, in pre-training on everything.
struct Example {
  std::string prompt, completion;
  std::uint64_t fact = 0;  ///< id of the fact; 0 for neutral text

  [[nodiscard]] std::string text() const { return prompt + completion; }
};

/// The wording with the fact's subject and answer. The completion begins with the space before "[Y]", if there is one.
/// Throws as parse_template() does.
[[nodiscard]] Example render(const std::string& wording, const Fact& fact);

}  // namespace stet
