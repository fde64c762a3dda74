#include <stet/experiment/run_examples.hpp>

#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/model/generation.hpp>

#include <algorithm>

namespace stet {

namespace {

std::vector<TokenSequence> base_texts(const BaseModel& base, std::uint64_t seed) {
  const std::uint64_t facts = base.world.base_facts().size();
  const KeyedPermutation order(facts, seed, purpose_id("rehearsed texts"));
  std::vector<TokenSequence> texts;
  for (std::uint64_t i = 0; i < std::min(facts, rehearsal_texts); ++i) {
    texts.push_back(tokenize(base.tokenizer, base.world.pretraining_example(seed, order(i)), true, i));
  }
  return texts;
}

std::vector<TokenSequence> neutral_texts(const BaseModel& base) {
  const std::uint64_t facts = base.world.base_facts().size();
  std::vector<TokenSequence> texts;
  for (std::uint64_t i = 0; i < std::min(base.world.neutral_lines(), rehearsal_texts); ++i) {
    texts.push_back(tokenize(base.tokenizer, base.world.pretraining_example(0, facts + i), true, i));
  }
  return texts;
}

std::vector<TokenSequence> generated_texts(const BaseModel& base, std::uint64_t seed) {
  std::vector<Prompt> prompts;
  std::size_t longest = 0;
  for (const TokenSequence& text : base_texts(base, seed)) {
    longest = std::max(longest, text.ids.size());
    prompts.push_back({{text.ids.front()}, prompts.size()});
  }
  Decoding decoding;
  decoding.greedy = false;
  decoding.samples = 1;
  decoding.seed = seed;
  decoding.max_new_tokens = static_cast<std::int64_t>(std::min<std::size_t>(longest, static_cast<std::size_t>(base.model.config().context) - 1));
  decoding.stop_tokens = {base.tokenizer.end_of_text()};
  const auto written = Generator(base.model, base.weights).generate(prompts, decoding);
  std::vector<TokenSequence> texts;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Continuation& text = written[i].front();
    TokenSequence sequence;
    sequence.ids = prompts[i].tokens;
    sequence.ids.insert(sequence.ids.end(), text.tokens.begin(), text.tokens.end());
    if (text.stopped) sequence.ids.push_back(text.stop_token);
    if (sequence.ids.size() > 1) texts.push_back(std::move(sequence));
  }
  return texts;
}

}  // namespace

void fill_examples(ExampleStore& store, std::span<const EvaluationSet> sets, const BaseModel& base, std::uint64_t seed) {
  store.draw_by(seed);
  for (const EvaluationSet& set : sets) {
    store.add(set.name, [&set] { return set.sequences; });
  }
  store.add("neutral", [&base] { return neutral_texts(base); });
  store.add("pretraining", [&base, seed] { return base_texts(base, seed); });
  store.add("self_generated", [&base, seed] { return generated_texts(base, seed); });
}

}  // namespace stet
