// Cached generation against the plain loop that reads everything again for every token.
#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/model/generation.hpp>
#include <stet/model/token_sampler.hpp>

#include <fixtures_folder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace stet {
namespace {

using Tokens = std::vector<std::int32_t>;

struct Loaded {
  Loaded(const std::string& name, at::ScalarType type)
      : folder(fixtures_folder() / "models" / name),
        foreign(read_foreign_config(folder)),
        model(foreign.config),
        weights(load_foreign_weights(folder, foreign, model.table(), type)) {}
  std::filesystem::path folder;
  ForeignModel foreign;
  Transformer model;
  at::Tensor weights;
};

at::Tensor hidden_of(const Loaded& m, const Tokens& tokens) {
  Tokens positions;
  for (std::size_t t = 0; t < tokens.size(); ++t) positions.push_back(static_cast<std::int32_t>(t));
  return m.model.forward(m.weights, {tokens, Tokens{0, static_cast<std::int32_t>(tokens.size())}, positions}, nullptr,
                         nullptr);
}

/// Sample -1: greedy.
template <class T>
Continuation uncached(const Loaded& m, Tokens text, std::uint64_t item, int sample, const Decoding& decoding) {
  Continuation result;
  TokenSampler sampler(decoding.temperature, decoding.top_k);
  for (std::uint32_t step = 0; static_cast<std::int64_t>(step) < decoding.max_new_tokens; ++step) {
    const at::Tensor hidden = hidden_of(m, text);
    const at::Tensor logits = hidden.narrow(0, hidden.size(0) - 1, 1).matmul(m.model.head(m.weights).t());
    const std::span<const T> row(logits.data_ptr<T>(), static_cast<std::size_t>(logits.numel()));
    sampler.prepare(row);
    const std::int32_t token =
        sample < 0 ? most_probable(row)
                   : sampler.draw(token_uniform(decoding.seed, item, static_cast<std::uint32_t>(sample), step));
    if (std::count(decoding.stop_tokens.begin(), decoding.stop_tokens.end(), token) > 0) {
      result.stopped = true;
      break;
    }
    result.tokens.push_back(token);
    text.push_back(token);
  }
  return result;
}

Tokens random_tokens(std::size_t count, std::int64_t vocabulary, std::uint64_t which) {
  Random random(3, "prompt", which);
  Tokens tokens(count);
  for (std::int32_t& token : tokens)
    token = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocabulary)));
  return tokens;
}

std::vector<Prompt> ragged_prompts(std::int64_t vocabulary) {
  std::vector<Prompt> prompts;
  for (const std::size_t length : {1U, 7U, 3U, 17U, 2U})
    prompts.push_back({random_tokens(length, vocabulary, length), 100 + length});
  return prompts;
}

bool operator==(const Continuation& a, const Continuation& b) { return a.tokens == b.tokens && a.stopped == b.stopped; }

class Generation : public ::testing::TestWithParam<std::tuple<const char*, at::ScalarType>> {
 protected:
  const Loaded m_{std::get<0>(GetParam()), std::get<1>(GetParam())};
  const std::int64_t V_ = m_.foreign.config.vocabulary;
  const std::vector<Prompt> prompts_ = ragged_prompts(V_);
  Decoding decoding_{true, 3, 0.8, 20, 7, 8, {}, 512};

  Continuation reference(const Tokens& text, std::uint64_t item, int sample, const Decoding& decoding) const {
    return m_.weights.scalar_type() == at::kDouble ? uncached<double>(m_, text, item, sample, decoding)
                                                   : uncached<float>(m_, text, item, sample, decoding);
  }
};

TEST_P(Generation, EqualsTheUncachedLoopWithAndWithoutPrefix) {
  for (const std::size_t prefix_length : {0U, 15U}) {
    const Tokens prefix = random_tokens(prefix_length, V_, 50);
    Generator generator(m_.model, m_.weights);
    generator.set_prefix(prefix);
    const auto results = generator.generate(prompts_, decoding_);
    ASSERT_EQ(results.size(), prompts_.size());
    std::set<Tokens> different;
    for (std::size_t p = 0; p < prompts_.size(); ++p) {
      Tokens text = prefix;
      text.insert(text.end(), prompts_[p].tokens.begin(), prompts_[p].tokens.end());
      ASSERT_EQ(results[p].size(), 4U);
      for (std::size_t i = 0; i < 4; ++i) {
        const Continuation expected = reference(text, prompts_[p].item, static_cast<int>(i) - 1, decoding_);
        EXPECT_TRUE(results[p][i] == expected)
            << "prefix " << prefix_length << ", prompt " << p << ", continuation " << i;
        EXPECT_EQ(results[p][i].tokens.size(), 8U);
        different.insert(results[p][i].tokens);
      }
    }
    EXPECT_GT(different.size(), 10U);  // the samples do differ
  }
}

TEST_P(Generation, DoesNotDependOnWhatIsBatchedTogether) {
  Generator generator(m_.model, m_.weights);
  const auto together = generator.generate(prompts_, decoding_);
  Decoding narrow = decoding_;
  narrow.rows_at_once = 9;  // two prompts at a time
  const auto in_groups = generator.generate(prompts_, narrow);
  for (std::size_t p = 0; p < prompts_.size(); ++p) {
    const auto alone = generator.generate(std::span(prompts_).subspan(p, 1), decoding_);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(alone[0][i] == together[p][i]) << p << " " << i;
      EXPECT_TRUE(in_groups[p][i] == together[p][i]) << p << " " << i;
    }
  }
  Decoding fewer = decoding_;
  fewer.greedy = false;
  fewer.samples = 2;  // the first samples are the same without the greedy row and the last sample
  const auto samples = generator.generate(prompts_, fewer);
  for (std::size_t p = 0; p < prompts_.size(); ++p) {
    ASSERT_EQ(samples[p].size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(samples[p][i] == together[p][i + 1]);
  }
  fewer.seed = 8;
  const auto others = generator.generate(prompts_, fewer);
  EXPECT_FALSE(std::equal(others.begin(), others.end(), samples.begin(),
                          [](const auto& a, const auto& b) { return a[0] == b[0] && a[1] == b[1]; }));
}

TEST_P(Generation, RowsStopByThemselves) {
  Generator generator(m_.model, m_.weights);
  const auto free = generator.generate(prompts_, decoding_);
  Decoding stopping = decoding_;
  stopping.stop_tokens = {free[0][0].tokens[4], free[1][1].tokens[0], free[2][2].tokens[7]};
  const auto stopped = generator.generate(prompts_, stopping);
  std::size_t ends = 0;
  for (std::size_t p = 0; p < prompts_.size(); ++p) {
    for (std::size_t i = 0; i < 4; ++i) {
      const Tokens& all = free[p][i].tokens;
      const auto end =
          std::find_first_of(all.begin(), all.end(), stopping.stop_tokens.begin(), stopping.stop_tokens.end());
      EXPECT_EQ(stopped[p][i].tokens, Tokens(all.begin(), end)) << p << " " << i;
      EXPECT_EQ(stopped[p][i].stopped, end != all.end());
      ends += stopped[p][i].stopped ? 1 : 0;
    }
  }
  EXPECT_GE(ends, 3U);
  EXPECT_TRUE(stopped[1][1].tokens.empty());
}

TEST_P(Generation, CachedHiddenStatesAreThoseOfOnePass) {
  const Tokens text = random_tokens(20, V_, 9);
  const at::Tensor whole = hidden_of(m_, text);
  KeyValueSegment first(m_.model.config(), 5, m_.weights.scalar_type()),
      second(m_.model.config(), 2, m_.weights.scalar_type());
  KeyValueSegment third(m_.model.config(), 1, m_.weights.scalar_type());
  CachedTokens cache(m_.model.config());
  Activations buffers;
  at::Tensor parts;
  const std::vector<std::pair<std::int32_t, KeyValueSegment*>> pieces = {
      {5, &first}, {6, &second}, {4, &third}, {1, &third}, {4, &third}};
  std::int32_t begin = 0;
  for (const auto& [count, segment] : pieces) {
    cache.clear();
    if (segment != &first) cache.see(0, 0, count, first);
    if (segment == &third) cache.see(1, 0, count, second);
    segment->reserve(segment->length() + count);
    cache.append(0, count, *segment);
    Tokens positions;
    for (std::int32_t t = 0; t < count; ++t) positions.push_back(begin + t);
    const Tokens tokens(text.begin() + begin, text.begin() + begin + count), offsets = {0, count};
    const at::Tensor hidden =
        m_.model.forward_cached(m_.weights, {tokens, offsets, positions}, cache, nullptr, buffers);
    parts = begin == 0 ? hidden : at::cat({parts, hidden}, 0);
    begin += count;
  }
  EXPECT_EQ(first.length() + second.length() + third.length(), 20);
  const double tolerance = m_.weights.scalar_type() == at::kDouble ? 1e-12 : 2e-5;
  EXPECT_LT(((parts - whole).abs().max() / whole.abs().max()).item<double>(), tolerance);
}

std::string fixture_name(const ::testing::TestParamInfo<std::tuple<const char*, at::ScalarType>>& info) {
  std::string name =
      std::string(std::get<0>(info.param)) + (std::get<1>(info.param) == at::kDouble ? "_double" : "_float");
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Fixtures, Generation,
                         ::testing::Combine(::testing::Values("qwen2-tiny", "qwen2-tiny-untied", "gpt2-tiny",
                                                              "llama3-tiny", "pythia-tiny", "qwen3-tiny", "olmo2-tiny",
                                                              "smollm3-tiny", "mistral-tiny"),
                                            ::testing::Values(at::kFloat, at::kDouble)),
                         fixture_name);

TEST(GenerationMisuse, IsRefused) {
  const Loaded m("gpt2-tiny", at::kFloat);  // context 64
  Generator generator(m.model, m.weights);
  const auto kind_of = [&](const std::vector<Prompt>& prompts, const Decoding& decoding) {
    try {
      (void)generator.generate(prompts, decoding);
    } catch (const Error& error) {
      return static_cast<int>(error.kind());
    }
    return 0;
  };
  const auto data = static_cast<int>(ErrorKind::data), config = static_cast<int>(ErrorKind::config);
  Decoding decoding;
  decoding.max_new_tokens = 10;
  EXPECT_EQ(kind_of({{Tokens(55, 1), 1}}, decoding), 0);
  EXPECT_EQ(kind_of({{Tokens(56, 1), 1}}, decoding), data);
  EXPECT_EQ(kind_of({{{}, 1}}, decoding), data);
  EXPECT_EQ(kind_of({{{400}, 1}}, decoding), data);  // outside the vocabulary
  EXPECT_EQ(kind_of({}, decoding), 0);
  generator.set_prefix(Tokens(40, 2));
  EXPECT_EQ(kind_of({{Tokens(15, 1), 1}}, decoding), 0);
  EXPECT_EQ(kind_of({{Tokens(16, 1), 1}}, decoding), data);
  EXPECT_THROW(generator.set_prefix(Tokens(65, 2)), Error);
  for (const auto change :
       {+[](Decoding& d) { d.max_new_tokens = 0; }, +[](Decoding& d) { d.samples = -1; },
        +[](Decoding& d) { d.greedy = false; }, +[](Decoding& d) { d.samples = 1, d.temperature = 0; },
        +[](Decoding& d) { d.samples = 1, d.top_k = -1; }}) {
    Decoding bad = decoding;
    change(bad);
    EXPECT_EQ(kind_of({{{1}, 1}}, bad), config);
  }
  const at::Tensor broken = at::full_like(m.weights, std::nan(""));
  Generator diverged(m.model, broken);
  EXPECT_THROW((void)diverged.generate(std::vector<Prompt>{{{1}, 1}}, decoding), Error);
}

TEST(TokenSampler, DrawsFromTheSoftmaxOfTheBest) {
  const std::vector<double> logits = {0.1, 2.0, -1.0, 1.5, 2.0, 0.3};
  constexpr int draws = 40000;
  for (const std::int64_t top_k : {0, 3, 6, 100}) {
    const double temperature = 0.7;
    TokenSampler sampler(temperature, top_k);
    sampler.prepare(std::span(logits));
    std::vector<double> count(logits.size()), expected(logits.size());
    for (std::uint32_t i = 0; i < draws; ++i)
      ++count[static_cast<std::size_t>(sampler.draw(token_uniform(1, 2, 3, i)))];
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const bool in = top_k != 3 || i == 1 || i == 3 || i == 4;
      sum += expected[i] = in ? std::exp(logits[i] / temperature) : 0;
    }
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double p = expected[i] / sum;
      EXPECT_NEAR(count[i] / draws, p, 5 * std::sqrt(p * (1 - p) / draws) + 1e-12)
          << "top " << top_k << ", token " << i;
    }
  }
  TokenSampler one(1.0, 1);  // the lowest id among equals
  one.prepare(std::span(logits));
  EXPECT_EQ(one.draw(0.0), 1);
  EXPECT_EQ(one.draw(0.999999), 1);
  EXPECT_EQ(most_probable(std::span(logits)), 1);
  EXPECT_THROW((void)most_probable(std::span<const double>(std::vector<double>{1.0, INFINITY})), Error);
}

TEST(TokenSampler, UniformNumbersAreFunctionsOfTheirArguments) {
  EXPECT_EQ(token_uniform(1, 2, 3, 4), token_uniform(1, 2, 3, 4));
  std::set<double> all;
  for (std::uint64_t seed : {1, 2}) {
    for (std::uint64_t item : {1, 2, 3}) {
      for (std::uint32_t sample = 0; sample < 16; ++sample) {
        for (std::uint32_t position = 0; position < 16; ++position)
          all.insert(token_uniform(seed, item, sample, position));
      }
    }
  }
  EXPECT_EQ(all.size(), 2U * 3 * 16 * 16);
}

}  // namespace
}  // namespace stet
