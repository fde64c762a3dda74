#include <stet/evaluate/slick.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/evaluate/answer_ends.hpp>
#include <stet/model/generation.hpp>
#include <stet/world/fact.hpp>

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_set>

namespace stet {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void check_options(const SlickOptions& o) {
  const auto refuse = [](const char* message, std::int64_t received) {
    throw Error(ErrorKind::config, message).received(std::to_string(received));
  };
  if (o.prompts < 1) refuse("slick needs at least one prompt", o.prompts);
  if (o.shots < 0) refuse("the number of shots is negative", o.shots);
  if (o.shots == 0 && o.prompts > 1) refuse("without shots all prompts are the same: one is enough", o.prompts);
  if (o.samples < 0) refuse("the number of samples is negative", o.samples);
  if (o.rule == KnowledgeRule::slick && !o.greedy)
    throw Error(ErrorKind::config, "the rule of SLiCK needs greedy answers");
  if (o.rule == KnowledgeRule::always_never && o.samples == 0) refuse("the always-never rule needs samples", o.samples);
  if (o.separator.empty()) throw Error(ErrorKind::config, "slick needs a separator: without it no answer ends");
}

/// What a relation needs before anything is computed.
struct Prepared {
  std::vector<std::vector<std::int32_t>> blocks;     // [prompts]
  std::vector<std::vector<std::int32_t>> questions;  // [facts]
  std::vector<std::vector<std::string>> answers;     // [facts] normalized
  std::int64_t new_tokens = 0;
};

void check_facts(const SlickRelation& relation) {
  std::unordered_set<std::uint64_t> shown;
  for (const SlickFact& fact : relation.development) shown.insert(fact.id);
  for (const auto* list : {&relation.facts, &relation.development}) {
    for (const SlickFact& fact : *list) {
      const auto is_empty = [](const std::string& answer) { return normalized_answer(answer).empty(); };
      if (fact.prompt.empty() || fact.answers.empty() ||
          std::any_of(fact.answers.begin(), fact.answers.end(), is_empty)) {
        throw Error(ErrorKind::data, "a fact has no prompt or no answer")
            .at("relation " + relation.name)
            .received("'" + fact.prompt + "'");
      }
    }
  }
  for (const SlickFact& fact : relation.facts) {
    if (shown.contains(fact.id)) {
      throw Error(ErrorKind::data, "a fact that is to be labelled is among the development examples")
          .at("relation " + relation.name)
          .received("'" + fact.prompt + "'")
          .hint("shots come from a split of their own, or they give the answer away");
    }
  }
}

Prepared prepare(const SlickRelation& relation, const Tokenizer& tokenizer, const SlickOptions& options,
                 std::int64_t context) {
  check_facts(relation);
  Prepared result;
  std::int64_t longest_block = 0, longest_question = 0, longest_answer = 0;
  const auto length = [](const auto& tokens) { return static_cast<std::int64_t>(tokens.size()); };
  for (std::int64_t p = 0; p < options.prompts; ++p) {
    result.blocks.push_back(tokenizer.encode(slick_block(options, relation, p)));
    const std::span<const TokenId> before = tokenizer.before_text();
    result.blocks.back().insert(result.blocks.back().begin(), before.begin(), before.end());
    longest_block = std::max(longest_block, length(result.blocks.back()));
  }
  for (const SlickFact& fact : relation.facts) {
    result.questions.push_back(slick_question_tokens(options, fact, tokenizer));
    longest_question = std::max(longest_question, length(result.questions.back()));
    std::vector<std::string>& accepted = result.answers.emplace_back();
    for (const std::string& answer : fact.answers) {
      accepted.push_back(normalized_answer(answer));
      longest_answer = std::max(
          longest_answer,
          length(tokenizer.encode(options.answer_lead + answer, SpecialTokens::leave_out, TextPosition::inside)));
    }
  }
  result.new_tokens = options.max_new_tokens > 0 ? options.max_new_tokens : longest_answer + 2;
  const std::int64_t needed = longest_block + longest_question + result.new_tokens - 1;
  if (needed > context) {
    throw Error(ErrorKind::data, "the few-shot prompts do not fit the model's context")
        .at("relation " + relation.name)
        .expected("at most " + std::to_string(context) + " tokens (model.context)")
        .received(std::to_string(needed) + ": " + std::to_string(options.shots) + " shots " +
                  std::to_string(longest_block) + ", question " + std::to_string(longest_question) + ", answer " +
                  std::to_string(result.new_tokens))
        .hint("use fewer shots or a model with a longer context");
  }
  return result;
}

/// Whether a continuation is one of the accepted answers. What the model did not end is no answer.
bool is_right(const Continuation& continuation, std::span<const std::string> accepted, const Tokenizer& tokenizer,
              const std::string& separator) {
  if (!continuation.stopped) return false;
  std::vector<TokenId> ids = continuation.tokens;
  ids.push_back(continuation.stop_token);  // it may hold letters before the separator
  if (std::any_of(ids.begin(), ids.end(),
                  [&](TokenId id) { return static_cast<std::size_t>(id) >= tokenizer.vocabulary_size(); }))
    return false;
  std::string text = tokenizer.decode(ids);
  text = normalized_answer(text.substr(0, text.find(separator)));
  return std::find(accepted.begin(), accepted.end(), text) != accepted.end();
}

}  // namespace

SlickOptions SlickOptions::twenty_samples() {
  SlickOptions options;
  options.rule = KnowledgeRule::always_never;
  options.greedy = false;
  options.samples = 2;
  return options;
}

std::string normalized_answer(std::string_view text) {
  const auto strip = [&text] {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  };
  strip();
  if (text.ends_with('.')) text.remove_suffix(1);
  strip();
  std::string result;
  for (const char c : text) {
    if (!is_space(c)) {
      result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (result.back() != ' ') {  // never first: the text is stripped
      result += ' ';
    }
  }
  return result;
}

std::vector<std::size_t> slick_shots(const SlickOptions& options, const std::string& relation, std::size_t examples,
                                     std::int64_t prompt) {
  const auto shots = static_cast<std::size_t>(options.shots);
  // Ordered choices; so many that repeats among a few prompts are rare, but for tiny splits there must be enough of
  // them.
  double choices = 1;
  for (std::size_t i = 0; i < shots; ++i) choices *= static_cast<double>(examples) - static_cast<double>(i);
  if (examples < shots || choices < static_cast<double>(options.prompts)) {
    throw Error(ErrorKind::data, "there are too few development examples")
        .at("relation " + relation)
        .expected(std::to_string(options.prompts) + " different prompts of " + std::to_string(options.shots) + " shots")
        .received(std::to_string(examples) + " examples");
  }
  Random random(options.seed, "slick.shots", fact_id(relation, "", ""));
  std::set<std::vector<std::size_t>> seen;
  for (std::int64_t p = 0;;) {
    std::vector<std::size_t> chosen;
    while (chosen.size() < shots) {
      const auto i = static_cast<std::size_t>(random.below(examples));
      if (std::find(chosen.begin(), chosen.end(), i) == chosen.end()) chosen.push_back(i);
    }
    if (!seen.insert(chosen).second) continue;
    if (p++ == prompt) return chosen;
  }
}

std::string slick_block(const SlickOptions& options, const SlickRelation& relation, std::int64_t prompt) {
  std::string text = options.shots > 0 ? options.head : "";
  for (const std::size_t i : slick_shots(options, relation.name, relation.development.size(), prompt)) {
    const SlickFact& shot = relation.development[i];
    text += slick_question(options, shot) + options.answer_lead + shot.answers[0] + options.separator;
  }
  return text;
}

std::string slick_question(const SlickOptions& options, const SlickFact& fact) {
  const bool begun = options.shots > 0 && fact.prompt.starts_with(options.head);
  return fact.prompt.substr(begun ? options.head.size() : 0);
}

std::vector<TokenId> slick_question_tokens(const SlickOptions& options, const SlickFact& fact,
                                           const Tokenizer& tokenizer) {
  const std::string text = slick_question(options, fact);
  if (options.shots == 0) return tokenizer.encode(text);
  // Tokenizers in SentencePiece's manner may put a blank behind a special token.
  const bool behind = tokenizer.encode(options.separator) == std::vector<TokenId>{tokenizer.end_of_text()};
  std::vector<TokenId> ids =
      tokenizer.encode((behind ? options.separator : "") + text, SpecialTokens::leave_out, TextPosition::inside);
  if (behind) ids.erase(ids.begin());
  return ids;
}

std::vector<std::vector<SlickLabel>> slick(const Transformer& model, const at::Tensor& weights,
                                           const Tokenizer& tokenizer, std::span<const SlickRelation> relations,
                                           const SlickOptions& options, Communicator& communicator,
                                           const std::function<void(double)>& progress,
                                           const std::function<bool()>& pause, SlickState* state) {
  check_options(options);
  struct Unit {
    std::size_t relation, prompt, begin, end;
  };
  std::vector<Prepared> prepared;
  std::vector<Unit> units;
  std::vector<std::size_t> first_fact;  // of each relation, in the flat counts
  std::size_t facts = 0;
  for (std::size_t r = 0; r < relations.size(); ++r) {
    first_fact.push_back(facts);
    facts += relations[r].facts.size();
    prepared.push_back(prepare(relations[r], tokenizer, options, model.config().context));
    for (std::size_t p = 0; p < static_cast<std::size_t>(options.prompts); ++p) {
      for (std::size_t begin = 0; begin < relations[r].facts.size(); begin += slick_facts_at_once) {
        units.push_back({r, p, begin, std::min(begin + slick_facts_at_once, relations[r].facts.size())});
      }
    }
  }
  Decoding decoding;
  decoding.greedy = options.greedy;
  decoding.samples = options.samples;
  decoding.temperature = options.temperature;
  decoding.top_k = options.top_k;
  decoding.seed = options.seed;
  decoding.stop_tokens = answer_ends(tokenizer, options.separator);
  decoding.rows_at_once = static_cast<std::int64_t>(slick_facts_at_once) * (options.samples + 1);

  SlickState before;
  if (state != nullptr && state->done.size() == units.size() && state->right.size() == 2 * facts) before = *state;
  before.done.resize(units.size());
  before.right.resize(2 * facts);
  std::vector<std::size_t> left;
  for (std::size_t u = 0; u < units.size(); ++u) {
    if (before.done[u] == 0) left.push_back(u);
  }
  // Right greedy and sampled answers of each fact, then which units are done; zeros for other ranks' units.
  std::vector<std::int64_t> news(2 * facts + units.size());
  collectively(communicator, [&] {
    // Neighbouring units share a block, so each rank takes a stretch of them.
    const auto rank = static_cast<std::size_t>(communicator.rank()),
               ranks = static_cast<std::size_t>(communicator.size());
    const std::size_t first = left.size() * rank / ranks, last = left.size() * (rank + 1) / ranks;
    Generator generator(model, weights);
    for (std::size_t k = first; k < last && !(pause && pause()); ++k) {
      const Unit& unit = units[left[k]];
      const Prepared& source = prepared[unit.relation];
      if (k == first || units[left[k - 1]].relation != unit.relation || units[left[k - 1]].prompt != unit.prompt) {
        generator.set_prefix(source.blocks[unit.prompt]);
      }
      std::vector<Prompt> prompts;
      for (std::size_t i = unit.begin; i < unit.end; ++i) {
        prompts.push_back(
            {source.questions[i], Random(relations[unit.relation].facts[i].id, "slick.fact", unit.prompt).bits64()});
      }
      decoding.max_new_tokens = source.new_tokens;
      const auto results = generator.generate(prompts, decoding);
      for (std::size_t i = unit.begin; i < unit.end; ++i) {
        const std::vector<Continuation>& continuations = results[i - unit.begin];
        for (std::size_t c = 0; c < continuations.size(); ++c) {
          if (!is_right(continuations[c], source.answers[i], tokenizer, options.separator)) continue;
          ++news[2 * (first_fact[unit.relation] + i) + (options.greedy && c == 0 ? 0 : 1)];
        }
      }
      news[2 * facts + left[k]] = 1;
      if (progress)
        progress(1 - static_cast<double>(last - k - 1) / static_cast<double>(last - first) *
                         static_cast<double>(left.size()) / static_cast<double>(units.size()));
    }
  });
  communicator.all_reduce_sum(std::span<std::int64_t>(news));
  SlickState after = std::move(before);
  for (std::size_t i = 0; i < 2 * facts; ++i) after.right[i] += news[i];
  for (std::size_t u = 0; u < units.size(); ++u) after.done[u] += news[2 * facts + u];
  const bool all_done = std::find(after.done.begin(), after.done.end(), 0) == after.done.end();
  const std::vector<std::int64_t> right = after.right;
  if (state != nullptr) *state = std::move(after);
  if (!all_done) return {};

  std::vector<std::vector<SlickLabel>> labels(relations.size());
  for (std::size_t r = 0; r < relations.size(); ++r) {
    for (std::size_t i = 0; i < relations[r].facts.size(); ++i) {
      const std::int64_t greedy_right = right[2 * (first_fact[r] + i)],
                         samples_right = right[2 * (first_fact[r] + i) + 1];
      labels[r].push_back({relations[r].facts[i].id, greedy_right, samples_right,
                           categorize(options.rule, greedy_right, options.greedy ? options.prompts : 0, samples_right,
                                      options.prompts * options.samples)});
    }
  }
  return labels;
}

std::array<std::size_t, knowledge_category_count> count_categories(std::span<const SlickLabel> labels) {
  std::array<std::size_t, knowledge_category_count> counts{};
  for (const SlickLabel& label : labels) ++counts[static_cast<std::size_t>(label.category)];
  return counts;
}

}  // namespace stet
