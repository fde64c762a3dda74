// Generation with stored keys and values beside a loop that reads all sequences again for each new token, in one packed
// pass a token. Model: width 384, 6 layers, 6 heads, 4096 tokens, float. Both sides must give the same tokens before
// anything is timed.
#include "measure.hpp"

#include <stet/base/philox.hpp>
#include <stet/model/generation.hpp>
#include <stet/model/token_sampler.hpp>

#include <cstdio>

namespace stet::benchmarks {
namespace {

using Tokens = std::vector<std::int32_t>;

Transformer make_model() {
  ModelConfig config;
  config.vocabulary = 4096;
  config.width = 384;
  config.layers = 6;
  config.heads = 6;
  config.feed_forward = 1024;
  config.context = 512;
  config.init_scale = 0.1;
  return Transformer(config);
}

Tokens random_tokens(std::size_t count, std::uint64_t which) {
  Random random(1, "benchmark", which);
  Tokens tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.below(4096));
  return tokens;
}

struct Case {
  const char* name;
  Tokens prefix;
  std::vector<Prompt> prompts;
  Decoding decoding;
};

/// The continuations in the order of Generator's, without stop tokens.
std::vector<Tokens> uncached(const Transformer& model, const at::Tensor& weights, const Case& work,
                             Activations& buffers) {
  const Decoding& d = work.decoding;
  const std::size_t each = static_cast<std::size_t>(d.samples) + (d.greedy ? 1 : 0), rows = each * work.prompts.size();
  std::vector<Tokens> results(rows);
  TokenSampler sampler(d.temperature, d.top_k);
  const at::Tensor head = model.head(weights).t();
  for (std::int64_t step = 0; step < d.max_new_tokens; ++step) {
    Tokens tokens, offsets = {0}, positions;
    std::vector<std::int64_t> last;
    for (std::size_t i = 0; i < rows; ++i) {
      const Tokens* const parts[] = {&work.prefix, &work.prompts[i / each].tokens, &results[i]};
      for (const Tokens* part : parts) tokens.insert(tokens.end(), part->begin(), part->end());
      for (std::int32_t t = 0; offsets.back() + t < static_cast<std::int32_t>(tokens.size()); ++t)
        positions.push_back(t);
      offsets.push_back(static_cast<std::int32_t>(tokens.size()));
      last.push_back(offsets.back() - 1);
    }
    const at::Tensor chosen = at::tensor(last);
    const at::Tensor logits = model.forward(weights, {tokens, offsets, positions}, &chosen, &buffers).matmul(head);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::span<const float> row(logits.data_ptr<float>() + static_cast<std::int64_t>(i) * logits.size(1),
                                       static_cast<std::size_t>(logits.size(1)));
      const std::size_t member = i % each;
      if (d.greedy && member == 0) {
        results[i].push_back(most_probable(row));
        continue;
      }
      sampler.prepare(row);
      results[i].push_back(sampler.draw(token_uniform(d.seed, work.prompts[i / each].item,
                                                      static_cast<std::uint32_t>(member - (d.greedy ? 1 : 0)),
                                                      static_cast<std::uint32_t>(step))));
    }
  }
  return results;
}

std::vector<Tokens> cached(const Transformer& model, const at::Tensor& weights, const Case& work) {
  Generator generator(model, weights);
  generator.set_prefix(work.prefix);
  std::vector<Tokens> results;
  for (const auto& continuations : generator.generate(work.prompts, work.decoding)) {
    for (const Continuation& continuation : continuations) results.push_back(continuation.tokens);
  }
  return results;
}

void run(benchmark::State& state, const Transformer& model, const at::Tensor& weights, const Case& work) {
  Activations buffers;
  compare(
      state, [&] { benchmark::DoNotOptimize(cached(model, weights, work)); },
      [&] { benchmark::DoNotOptimize(uncached(model, weights, work, buffers)); });
  const std::int64_t each = work.decoding.samples + (work.decoding.greedy ? 1 : 0);
  const auto tokens =
      static_cast<double>(each * work.decoding.max_new_tokens) * static_cast<double>(work.prompts.size());
  state.counters["new_tokens/s"] = tokens / (state.counters["ours_us"] * 1e-6);
}

std::vector<Case> cases() {
  std::vector<Case> result;
  Case greedy{"generate/greedy, 16 ragged prompts, 32 tokens", {}, {}, {}};
  for (std::size_t i = 0; i < 16; ++i) greedy.prompts.push_back({random_tokens(8 + i, i), i});
  greedy.decoding.max_new_tokens = 32;
  result.push_back(greedy);
  Case slick{"generate/slick, 4 shots of 20 tokens, 2 questions of 12, 1 greedy + 16 samples of 8 tokens",
             random_tokens(80, 100),
             {},
             {}};
  for (std::size_t i = 0; i < 2; ++i) slick.prompts.push_back({random_tokens(12, 200 + i), i});
  slick.decoding.samples = 16;
  slick.decoding.temperature = 0.5;
  slick.decoding.top_k = 40;
  slick.decoding.max_new_tokens = 8;
  result.push_back(slick);
  slick.name = "generate/the same, 1 greedy answer alone";
  slick.decoding.samples = 0;
  result.push_back(slick);
  return result;
}

}  // namespace
}  // namespace stet::benchmarks

int main(int count, char** arguments) {
  using namespace stet::benchmarks;
  start_as_stet_does(arguments);
  benchmark::Initialize(&count, arguments);
  const stet::Transformer model = make_model();
  const at::Tensor weights = stet::initial_values(model.table(), model.config(), 1, at::kFloat);
  const std::vector<Case> works = cases();
  for (const Case& work : works) {
    stet::Activations buffers;
    if (cached(model, weights, work) != uncached(model, weights, work, buffers)) {
      std::fprintf(stderr, "%s: the tokens differ\n", work.name);
      return 1;
    }
    benchmark::RegisterBenchmark(work.name, [&](benchmark::State& state) { run(state, model, weights, work); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
