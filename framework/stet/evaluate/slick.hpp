// SLiCK (Gekhman et al. 2024, arXiv 2405.05904): what a model knows, measured by its own answers to few-shot prompts,
// greedy and sampled.
//
// A fact is asked with `prompts` different few-shot blocks of its relation. A block shows `shots` development examples,
// each as "PROMPT LEAD ANSWER SEPARATOR"; the fact's own prompt follows. If prompts have a head (a chat form's system
// message), it stands once, before the first. The block's keys and values are computed once
// for all facts of the relation. An answer is what the model writes before the separator or the end of text.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/evaluate/knowledge_category.hpp>
#include <stet/model/transformer.hpp>
#include <stet/text/tokenizer.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// A fact as it is asked.
struct SlickFact {
  std::uint64_t id = 0;              ///< Fact::id
  std::string prompt;                ///< up to, not including, the space before the answer
  std::vector<std::string> answers;  ///< any of them counts; a shot shows the first
};

struct SlickRelation {
  std::string name;
  std::vector<SlickFact> facts;        ///< to be labelled
  std::vector<SlickFact> development;  ///< shots are drawn from these; none of them among `facts`
};

struct SlickOptions {
  KnowledgeRule rule = KnowledgeRule::slick;
  std::int64_t prompts = 10;  ///< few-shot blocks a relation
  std::int64_t shots = 4;     ///< examples a block; 0: none
  bool greedy = true;         ///< one greedy answer a prompt
  std::int64_t samples = 16;  ///< sampled answers a prompt
  double temperature = 0.5;
  std::int64_t top_k = 40;
  std::uint64_t seed = 1;
  std::string head;                 ///< what every prompt begins with, and a block once
  std::string answer_lead = " ";    ///< between prompt and answer
  std::string separator;            ///< after an answer: "\n", or what a model's pre-training had between texts
  std::int64_t max_new_tokens = 0;  ///< 0: the relation's longest accepted answer and two more

  /// Twenty samples and no greedy answers, by the always-never rule: two for each of ten prompts. That the paper
  /// spreads its 20 samples over prompts is our reading.
  [[nodiscard]] static SlickOptions twenty_samples();
};

/// Facts of one relation and block that are answered together; the same for any number of ranks.
inline constexpr std::size_t slick_facts_at_once = 32;

struct SlickLabel {
  std::uint64_t id = 0;
  std::int64_t greedy_right = 0;   ///< of `prompts` (0 without greedy answers)
  std::int64_t samples_right = 0;  ///< of `prompts * samples`
  KnowledgeCategory category = KnowledgeCategory::unknown;

  friend bool operator==(const SlickLabel&, const SlickLabel&) = default;
};

/// Answers are compared after this: white space at both ends and one full stop at the end are removed, white space
/// inside becomes one space, and ASCII letters become lower-case. Nothing else: accents, articles and punctuation
/// count.
[[nodiscard]] std::string normalized_answer(std::string_view text);

/// The development examples that block `prompt` of the relation shows, in order: a function of seed, the relation's
/// name, the number of examples and the block alone. The blocks of a relation are distinct. Throws Error (data) if
/// there are too few examples.
[[nodiscard]] std::vector<std::size_t> slick_shots(const SlickOptions& options, const std::string& relation,
                                                   std::size_t examples, std::int64_t prompt);

/// The block's examples as one text; "" without shots. Throws as slick_shots() does.
[[nodiscard]] std::string slick_block(const SlickOptions& options, const SlickRelation& relation, std::int64_t prompt);
/// What follows it: the fact's prompt, without the head that the block has.
[[nodiscard]] std::string slick_question(const SlickOptions& options, const SlickFact& fact);
/// Its tokens, as they are behind a block.
[[nodiscard]] std::vector<TokenId> slick_question_tokens(const SlickOptions& options, const SlickFact& fact,
                                                         const Tokenizer& tokenizer);

/// How far labelling has come. The same on all ranks; empty before the start.
struct SlickState {
  std::vector<std::int64_t> done;   ///< [groups] 1 or 0
  std::vector<std::int64_t> right;  ///< [2 * facts] right greedy and sampled answers so far
};

/// Collective. One list of labels a relation, in the order of its facts. Facts are dealt to ranks in groups that do not
/// depend on the number of ranks, so neither does the result. `weights`: flat, kFloat or kDouble. `progress`, if given,
/// receives the finished share of this rank's work. `pause`, if given, is asked between groups, and a rank to which it
/// says yes does no more of them; if any rank paused, nothing (empty) is returned and `state` holds what all ranks have
/// done so far, for the next call with the same arguments, on any number of ranks. Throws Error (data) if a block,
/// question and answer exceed the model's context, if there are too few development examples, if one of them is to be
/// labelled, or if a fact has no answer; Error (config) for options that make no sense.
[[nodiscard]] std::vector<std::vector<SlickLabel>> slick(const Transformer& model, const at::Tensor& weights,
                                                         const Tokenizer& tokenizer,
                                                         std::span<const SlickRelation> relations,
                                                         const SlickOptions& options, Communicator& communicator,
                                                         const std::function<void(double)>& progress = {},
                                                         const std::function<bool()>& pause = {},
                                                         SlickState* state = nullptr);

/// Facts in each category, in the order of the enumeration.
[[nodiscard]] std::array<std::size_t, knowledge_category_count> count_categories(std::span<const SlickLabel> labels);

}  // namespace stet
