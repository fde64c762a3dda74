// What a base model is pre-trained on, and the new facts that it is later taught. A World holds the facts and wordings
// and says, for every (epoch, index), which text pre-training shows there. It is built by make_synthetic_world() or
// make_entity_questions_world(); it knows nothing about models or order (see Sampler).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <stet/text/tokenizer.hpp>
#include <stet/world/fact.hpp>
#include <stet/world/neutral_text.hpp>

namespace stet {

enum class TokenizerKind { word_level, byte_level_bpe };

/// Everything that a world consists of.
struct WorldContent {
  std::string name;  ///< "synthetic", "entity-questions", "facts"
  std::vector<Relation> relations;
  std::vector<Fact> base_facts;         ///< shown in pre-training
  std::vector<Fact> new_facts;          ///< never shown in pre-training
  std::vector<Fact> development_facts;  ///< of other subjects, for few-shot prompts; may be empty
  NeutralText neutral;
  /// Shown once an epoch each, in one of `record_wordings`; no fact sets are drawn from them. Their relation index
  /// means nothing.
  std::vector<Fact> records;
  std::vector<std::string> record_wordings;
  std::uint64_t seed = 1;       ///< of the pre-training text
  double asked_fraction = 0.5;  ///< share of the subjects about which pre-training asks questions
  double question_share = 0.3;  ///< share of an asked fact's examples that are questions
  double neutral_share = 0.05;  ///< share of the examples that are neutral lines
  /// 0: an epoch shows every base fact once. Above 0: the facts of the subject of rank r (1: the first subject in
  /// base_facts) are shown in an epoch in proportion to r^-frequency_exponent (Zipf).
  double frequency_exponent = 0.0;
  /// An answer that says that the answer is not known, in words that the tokenizer has and pre-training shows.
  std::string refusal = "I don't know";
  bool keys_in_characters = false;  ///< whether the tokenizer needs spaces between the characters of a key
  TokenizerKind tokenizer = TokenizerKind::word_level;
  std::size_t vocabulary_size = 0;           ///< byte_level_bpe alone
  std::vector<std::string> vocabulary_text;  ///< word_level: the words in order of their ids; BPE: the training texts
  std::vector<std::string> notes;            ///< what a user should know of the data: what was left out, and why
};

/// Fills every relation's answers with those of its base and new facts, each once, in the order of the facts.
void collect_answers(WorldContent& world);

/// Immutable; all members may be called from several threads at once.
class World {
 public:
  /// Throws Error (config) for shares outside [0, 1), no relation, no base fact, or a relation without a wording, and
  /// Error (data) for a wording that parse_template() refuses or a fact that is both old and new.
  explicit World(WorldContent content);

  [[nodiscard]] const std::string& name() const { return content_.name; }
  [[nodiscard]] const std::vector<Relation>& relations() const { return content_.relations; }
  [[nodiscard]] const std::vector<Fact>& base_facts() const { return content_.base_facts; }
  [[nodiscard]] const std::vector<Fact>& new_facts() const { return content_.new_facts; }
  /// Facts for the shots of few-shot prompts: neither shown in pre-training nor new, subjects of their own. Empty if
  /// the world has none.
  [[nodiscard]] const std::vector<Fact>& development_facts() const { return content_.development_facts; }
  /// Whether pre-training shows questions about this fact's subject. False for new facts.
  [[nodiscard]] bool asked(const Fact& fact) const;

  /// An answer that says that the answer is not known, in tokens that pre-training shows.
  [[nodiscard]] const std::string& refusal() const { return content_.refusal; }
  /// A UUID-like key of eight hexadecimal characters drawn by (seed, index), as this world's tokenizer can take it.
  [[nodiscard]] std::string key(std::uint64_t seed, std::uint64_t index) const;

  /// Pre-training examples an epoch: as many texts about base facts as there are base facts, then the neutral lines,
  /// then the records.
  [[nodiscard]] std::uint64_t epoch_size() const {
    return content_.base_facts.size() + neutral_lines_ + content_.records.size();
  }
  [[nodiscard]] std::uint64_t neutral_lines() const { return neutral_lines_; }
  /// Example `index` < epoch_size() of `epoch`: index i below base_facts().size() is a text about base fact
  /// shown(epoch, i), in a wording drawn by (seed, epoch, i); the others are neutral lines and records. A pure
  /// function: any rank can compute any example.
  [[nodiscard]] Example pretraining_example(std::uint64_t epoch, std::uint64_t index) const;
  /// The base fact that text `index` < base_facts().size() of `epoch` is about: fact `index`, or with unequal
  /// frequencies one drawn so that fact i comes frequency(i) times an epoch in the mean, rounded up or down in each.
  [[nodiscard]] std::uint64_t shown(std::uint64_t epoch, std::uint64_t index) const;
  /// Expected showings of base fact `i` in an epoch; 1 if all are shown equally often. They sum to base_facts().size().
  [[nodiscard]] double frequency(std::uint64_t i) const;

  /// What a user should know of the data: what was left out, and why.
  [[nodiscard]] const std::vector<std::string>& notes() const { return content_.notes; }
  /// The texts, or the words, that the tokenizer is made from.
  [[nodiscard]] const std::vector<std::string>& vocabulary_text() const { return content_.vocabulary_text; }
  [[nodiscard]] Tokenizer make_tokenizer() const;

  /// The same world, in which the facts of relation r are asked by `probes[r]`. Throws Error (data) as
  /// parse_template().
  [[nodiscard]] World with_probes(std::vector<std::string> probes) &&;

 private:
  void set_frequencies();

  WorldContent content_;
  std::uint64_t neutral_lines_ = 0;
  std::unordered_set<std::string> asked_subjects_;
  std::vector<double> frequency_;   // [base facts], or empty: equal
  std::vector<double> cumulative_;  // with unequal frequencies: showings of the facts up to each, in permuted order
};

}  // namespace stet
