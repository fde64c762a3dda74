#include <stet/run/run_examples.hpp>

#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/model/generation.hpp>

#include <algorithm>
#include <unordered_set>

namespace stet {

namespace {

/// As pre-training has it: with loss on all tokens but the first, and cut at the context.
TokenSequence text_of(const BaseModel& base, const Example& example) {
  TokenSequence text = tokenize(base.tokenizer, example, true, 0);
  text.ids.resize(std::min(text.ids.size(), static_cast<std::size_t>(base.model.config().context)));
  return text;
}

/// Texts about base facts, but those in `without`.
std::vector<TokenSequence> base_texts(const BaseModel& base, const World& world, std::uint64_t seed,
                                      std::span<const Fact> without = {}) {
  const std::uint64_t facts = world.base_facts().size();
  const KeyedPermutation order(facts, seed, purpose_id("rehearsed texts"));
  std::unordered_set<std::uint64_t> left_out;
  for (const Fact& fact : without) left_out.insert(fact.id);
  std::vector<TokenSequence> texts;
  for (std::uint64_t i = 0; i < facts && texts.size() < rehearsal_texts; ++i) {
    const std::uint64_t index = order(i);
    // Where facts are met unequally often, a text's place does not say which fact it is about.
    if (left_out.contains(world.base_facts()[world.shown(seed, index)].id)) continue;
    texts.push_back(text_of(base, world.pretraining_example(seed, index)));
  }
  return texts;
}

std::vector<TokenSequence> neutral_texts(const BaseModel& base, const World& world) {
  const std::uint64_t facts = world.base_facts().size();
  std::vector<TokenSequence> texts;
  for (std::uint64_t i = 0; i < std::min(world.neutral_lines(), rehearsal_texts); ++i) {
    texts.push_back(text_of(base, world.pretraining_example(0, facts + i)));
  }
  return texts;
}

std::vector<TokenSequence> generated_texts(const BaseModel& base, const World& world, std::uint64_t seed) {
  std::vector<Prompt> prompts;
  std::size_t longest = 0;
  for (const TokenSequence& text : base_texts(base, world, seed)) {
    longest = std::max(longest, text.ids.size());
    prompts.push_back({{text.ids.front()}, prompts.size()});
  }
  Decoding decoding;
  decoding.greedy = false;
  decoding.samples = 1;
  decoding.seed = seed;
  decoding.max_new_tokens = static_cast<std::int64_t>(
      std::min<std::size_t>(longest, static_cast<std::size_t>(base.model.config().context) - 1));
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

void fill_examples(ExampleStore& store, std::span<const TokenizedSet> sets, const BaseModel& base, const World& world,
                   std::uint64_t seed) {
  store.draw_by(seed);
  for (const TokenizedSet& set : sets) {
    store.add(set.name, [&set] { return set.sequences; });
  }
  store.add("neutral", [&base, &world] { return neutral_texts(base, world); });
  store.add("pretraining", [&base, &world, seed] { return base_texts(base, world, seed); });
  store.add("pretraining_not_held", [&base, &world, sets, seed] {
    const auto held =
        std::find_if(sets.begin(), sets.end(), [](const TokenizedSet& set) { return set.name == "held"; });
    return base_texts(base, world, seed, held == sets.end() ? std::span<const Fact>() : held->facts);
  });
  store.add("self_generated", [&base, &world, seed] { return generated_texts(base, world, seed); });
}

}  // namespace stet
