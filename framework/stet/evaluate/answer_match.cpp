#include <stet/evaluate/answer_match.hpp>

#include <stet/evaluate/answer_ends.hpp>
#include <stet/model/generation.hpp>
#include <stet/world/answer_text.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace stet {
namespace {

constexpr std::int64_t spare_tokens = 8;  // of an answer that is written at greater length than an accepted one

/// After squad_normalized(): how an answer begins that is none.
constexpr std::array declined = {"i dont know", "i do not know", "i am not sure", "im not sure", "im sorry",
                                 "i am sorry",  "i cannot",      "unknown",       "not known",   "answer is unknown"};

bool begins_with_words(std::string_view text, std::string_view words) {
  return text.starts_with(words) && (text.size() == words.size() || text[words.size()] == ' ');
}

std::int64_t longest_answer(const TokenizedSet& set, const Tokenizer& tokenizer) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < set.facts.size(); ++i) {
    const TokenSequence& sequence = set.sequences[i];
    longest = std::max(longest, sequence.ids.size() - static_cast<std::size_t>(sequence.loss_begin));
    for (const std::string& alias : set.facts[i].aliases)
      longest = std::max(longest, tokenizer.encode(alias, SpecialTokens::leave_out, TextPosition::inside).size());
  }
  return static_cast<std::int64_t>(longest);
}

/// What a continuation says up to its end, the letters of the stopping token before its line's end among them.
std::string text_of(const Continuation& continuation, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids = continuation.tokens;
  if (continuation.stop_token != tokenizer.end_of_text()) ids.push_back(continuation.stop_token);
  const auto is_none = [&](TokenId id) { return static_cast<std::size_t>(id) >= tokenizer.vocabulary_size(); };
  std::erase_if(ids, is_none);  // rows of a model's head beyond its tokenizer
  return tokenizer.decode(ids);
}

}  // namespace

AnswerVerdict judge_answer(std::string_view text, const Fact& fact) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  const std::string said = squad_normalized(line);
  const auto is_it = [&said](const std::string& answer) { return squad_normalized(answer) == said; };
  if (!said.empty() && (is_it(fact.answer) || std::any_of(fact.aliases.begin(), fact.aliases.end(), is_it)))
    return AnswerVerdict::right;
  const bool none = said.empty() || std::any_of(declined.begin(), declined.end(),
                                                [&](const char* words) { return begins_with_words(said, words); });
  return none ? AnswerVerdict::not_attempted : AnswerVerdict::wrong;
}

std::vector<AnswerVerdict> judge_answers(const Transformer& model, const at::Tensor& weights, const TokenizedSet& set,
                                         const Tokenizer& tokenizer, Communicator& communicator,
                                         std::size_t batch_size) {
  const at::NoGradGuard guard;
  const std::size_t n = set.sequences.size();
  std::vector<std::int64_t> verdicts(n);  // each rank fills its own batches
  Decoding decoding;
  decoding.stop_tokens = answer_ends(tokenizer, "\n");
  decoding.max_new_tokens = longest_answer(set, tokenizer) + spare_tokens;
  std::int64_t longest_prompt = 0;
  for (const TokenSequence& sequence : set.sequences)
    longest_prompt = std::max<std::int64_t>(longest_prompt, sequence.loss_begin);
  decoding.max_new_tokens =
      std::max<std::int64_t>(1, std::min(decoding.max_new_tokens, model.config().context - longest_prompt + 1));
  decoding.rows_at_once = static_cast<std::int64_t>(batch_size);
  collectively(communicator, [&] {
    Generator generator(model, weights);
    const auto ranks = static_cast<std::size_t>(communicator.size()),
               rank = static_cast<std::size_t>(communicator.rank());
    for (std::size_t begin = 0, index = 0; begin < n; begin += batch_size, ++index) {
      if (index % ranks != rank) continue;
      communicator.recorder().beat();
      std::vector<Prompt> prompts;
      for (std::size_t i = begin; i < std::min(begin + batch_size, n); ++i) {
        const TokenSequence& sequence = set.sequences[i];
        prompts.push_back({{sequence.ids.begin(), sequence.ids.begin() + sequence.loss_begin}, i});
      }
      const auto written = generator.generate(prompts, decoding);
      for (std::size_t k = 0; k < written.size(); ++k) {
        const Continuation& greedy = written[k].front();
        const AnswerVerdict verdict =
            greedy.stopped ? judge_answer(text_of(greedy, tokenizer), set.facts[begin + k]) : AnswerVerdict::wrong;
        verdicts[begin + k] = static_cast<std::int64_t>(verdict);
      }
    }
  });
  communicator.all_reduce_sum(std::span<std::int64_t>(verdicts));
  std::vector<AnswerVerdict> result;
  for (const std::int64_t verdict : verdicts) result.push_back(static_cast<AnswerVerdict>(verdict));
  return result;
}

}  // namespace stet
