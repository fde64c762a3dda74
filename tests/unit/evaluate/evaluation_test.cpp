// Scores against what they stand for: decoding token by token, with the whole forward pass each time.
#include <stet/evaluate/evaluation.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace stet {
namespace {

ModelConfig tiny_config(std::int64_t vocabulary) {
  ModelConfig config;
  config.vocabulary = vocabulary;
  config.width = 16;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 1;
  config.feed_forward = 24;
  config.context = 24;
  config.init_scale = 0.4;  // so that random predictions differ from each other
  return config;
}

/// Logits after the last of `ids`, by a forward pass over all of them.
at::Tensor next_logits(const Transformer& model, const at::Tensor& weights, const std::vector<TokenId>& ids) {
  const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(ids.size())};
  std::vector<std::int32_t> positions;
  for (std::size_t i = 0; i < ids.size(); ++i) positions.push_back(static_cast<std::int32_t>(i));
  const at::Tensor hidden = model.forward(weights, {ids, offsets, positions}, nullptr, nullptr);
  return model.head(weights).to(at::kDouble).mv(hidden[hidden.size(0) - 1].to(at::kDouble));
}

TokenId best_next(const Transformer& model, const at::Tensor& weights, const std::vector<TokenId>& ids) {
  return static_cast<TokenId>(next_logits(model, weights, ids).argmax().item<std::int64_t>());
}

class EvaluationTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  static constexpr std::int64_t vocabulary = 29;

  /// Prompts of 2..9 random tokens with answers of 1..4. Every other answer is the model's own greedy decoding; the
  /// rest are that with one wrong token: first, in the middle or last.
  TokenizedSet make_set(std::size_t count) const {
    TokenizedSet set;
    set.name = "test";
    for (std::size_t i = 0; i < count; ++i) {
      Random random(5, "evaluation test", i);
      TokenSequence sequence;
      const std::uint64_t prompt = 2 + random.below(8), answer = 1 + random.below(4);
      for (std::uint64_t t = 0; t < prompt; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(vocabulary)));
      sequence.loss_begin = static_cast<std::uint32_t>(prompt);
      sequence.example = i;
      const std::uint64_t wrong = i % 2 == 0 ? answer : random.below(answer);
      for (std::uint64_t t = 0; t < answer; ++t) {
        const TokenId best = best_next(model_, weights_, sequence.ids);
        sequence.ids.push_back(t == wrong ? (best + 1 + static_cast<TokenId>(random.below(vocabulary - 1))) %
                                                static_cast<TokenId>(vocabulary)
                                          : best);
      }
      set.subject_end.push_back(static_cast<std::int32_t>(random.below(prompt)));
      set.sequences.push_back(std::move(sequence));
      set.facts.push_back({i, 0, "s" + std::to_string(i), "a"});
    }
    return set;
  }

  bool exact() const { return GetParam() == at::kDouble; }

  const Transformer model_{tiny_config(vocabulary)};
  const at::Tensor weights_ = initial_values(model_.table(), model_.config(), 11, GetParam());
  const std::unique_ptr<Communicator> alone_ = make_single_process();
};

TEST_P(EvaluationTest, AFactLongerThanTheContextIsNamedBeforeAnythingIsComputed) {
  TokenizedSet set = make_set(300);
  set.sequences[270].ids.resize(25);  // of the third batch
  try {
    (void)score(model_, weights_, set, *alone_);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(error.message(), "a fact of set 'test' is longer than the model's context");
    EXPECT_EQ(error.where(), "subject 's270', answer 'a'");
    EXPECT_EQ(error.expected(), "at most 24 tokens (model.context)");
    EXPECT_EQ(error.received(), "25 tokens");
  }
  set.sequences[270].ids.resize(24);
  EXPECT_NO_THROW(check_lengths(set, 24));
}

TEST_P(EvaluationTest, AgreesWithDecodingTokenByToken) {
  const TokenizedSet set = make_set(60);
  const SetScore result = score(model_, weights_, set, *alone_);
  ASSERT_EQ(result.correct.size(), 60U);
  ASSERT_EQ(result.probability.size(), 60U);
  ASSERT_EQ(result.first_token.size(), 60U);
  std::size_t right = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const TokenSequence& sequence = set.sequences[i];
    // Greedy decoding, which goes on from its own tokens, not from the answer's.
    std::vector<TokenId> decoded(sequence.ids.begin(), sequence.ids.begin() + sequence.loss_begin);
    const TokenId first = best_next(model_, weights_, decoded);
    while (decoded.size() < sequence.ids.size()) decoded.push_back(best_next(model_, weights_, decoded));
    EXPECT_EQ(result.correct[i], decoded == sequence.ids ? 1 : 0) << i;
    EXPECT_EQ(result.correct[i], i % 2 == 0 ? 1 : 0) << i;
    EXPECT_EQ(result.first_token[i], first) << i;
    double probability = 1, confidence = 1;
    bool same = true;
    std::vector<TokenId> prefix(sequence.ids.begin(), sequence.ids.begin() + sequence.loss_begin);
    for (std::size_t t = sequence.loss_begin; t < sequence.ids.size(); ++t) {
      const at::Tensor next = next_logits(model_, weights_, prefix).softmax(0);
      if (t == sequence.loss_begin) {
        EXPECT_NEAR(result.entropy[i], -(next * next.log()).sum().item<double>(), exact() ? 1e-6 : 1e-4) << i;
      }
      if (same) confidence *= next.max().item<double>();
      same = same && next.argmax().item<std::int64_t>() == sequence.ids[t];
      probability *= next[sequence.ids[t]].item<double>();
      prefix.push_back(sequence.ids[t]);
    }
    EXPECT_NEAR(result.probability[i], probability, (exact() ? 1e-6 : 1e-4) * probability + 1e-12)
        << i;  // stored as float
    EXPECT_NEAR(result.confidence[i], confidence, (exact() ? 1e-6 : 1e-4) * confidence) << i;
    EXPECT_NEAR(result.log_probability[i], std::log(probability), exact() ? 1e-9 : 1e-4) << i;
    if (result.correct[i] == 1) {
      EXPECT_EQ(result.confidence[i], result.probability[i]) << i;
    }
    right += result.correct[i];
  }
  EXPECT_DOUBLE_EQ(result.accuracy(), static_cast<double>(right) / 60);
}

TEST_P(EvaluationTest, DoesNotDependOnTheBatchSize) {
  const TokenizedSet set = make_set(50);
  const SetScore whole = score(model_, weights_, set, *alone_, 50);
  for (const std::size_t batch : {1, 3, 7, 49, 128}) {
    const SetScore other = score(model_, weights_, set, *alone_, batch);
    EXPECT_EQ(other.correct, whole.correct) << batch;
    EXPECT_EQ(other.first_token, whole.first_token) << batch;
    for (std::size_t i = 0; i < 50; ++i)
      EXPECT_NEAR(other.probability[i], whole.probability[i], 1e-5) << batch << ", " << i;
  }
}

TEST_P(EvaluationTest, NoFactsScoreNothing) {
  const SetScore result = score(model_, weights_, TokenizedSet{}, *alone_);
  EXPECT_TRUE(result.correct.empty());
  EXPECT_EQ(result.accuracy(), 0.0);
}

TEST_P(EvaluationTest, HiddenStatesAreThoseOfTheWholeSequenceAtThePosition) {
  const TokenizedSet set = make_set(150);  // two batches
  for (const ProbePosition position : {ProbePosition::subject_end, ProbePosition::prompt_end}) {
    const std::vector<at::Tensor> layers = hidden_states(model_, weights_, set, position, 140);
    ASSERT_EQ(layers.size(), 3U);
    for (const at::Tensor& layer : layers) ASSERT_EQ(layer.sizes(), at::IntArrayRef({140, 16}));
    for (std::size_t i = 0; i < 140; ++i) {
      const std::vector<TokenId>& ids = set.sequences[i].ids;
      const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(ids.size())};
      std::vector<std::int32_t> positions;
      for (std::size_t t = 0; t < ids.size(); ++t) positions.push_back(static_cast<std::int32_t>(t));
      std::vector<at::Tensor> alone;
      static_cast<void>(model_.forward(weights_, {ids, offsets, positions}, nullptr, nullptr, &alone));
      const std::int64_t row = position == ProbePosition::subject_end
                                   ? set.subject_end[i]
                                   : static_cast<std::int64_t>(set.sequences[i].loss_begin) - 1;
      for (std::size_t l = 0; l < 3; ++l) {
        const double distance = (layers[l][static_cast<std::int64_t>(i)] - alone[l][row]).abs().max().item<double>();
        EXPECT_LT(distance, exact() ? 1e-12 : 1e-4) << "fact " << i << ", layer " << l;
      }
    }
  }
  EXPECT_EQ(hidden_states(model_, weights_, set, ProbePosition::prompt_end, 1000)[0].size(0),
            150);  // a limit above the set
}

TEST_P(EvaluationTest, NeuronsAreThoseOfTheWholeSequenceAtThePosition) {
  const TokenizedSet set = make_set(150);  // two batches
  for (const ProbePosition position : {ProbePosition::subject_end, ProbePosition::prompt_end}) {
    const std::vector<at::Tensor> layers = neurons(model_, weights_, set, position, 140);
    ASSERT_EQ(layers.size(), 2U);
    for (const at::Tensor& layer : layers) ASSERT_EQ(layer.sizes(), at::IntArrayRef({140, 24}));
    for (const std::size_t i : {0, 77, 127, 128, 139}) {
      const std::vector<TokenId>& ids = set.sequences[i].ids;
      const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(ids.size())};
      std::vector<std::int32_t> positions;
      for (std::size_t t = 0; t < ids.size(); ++t) positions.push_back(static_cast<std::int32_t>(t));
      Activations kept;
      static_cast<void>(model_.forward(weights_, {ids, offsets, positions}, nullptr, &kept));
      const std::vector<at::Tensor> alone = model_.neurons(kept, nullptr);
      const std::int64_t row = position == ProbePosition::subject_end
                                   ? set.subject_end[i]
                                   : static_cast<std::int64_t>(set.sequences[i].loss_begin) - 1;
      for (std::size_t l = 0; l < 2; ++l) {
        EXPECT_LT((layers[l][static_cast<std::int64_t>(i)] - alone[l][row]).abs().max().item<double>(),
                  exact() ? 1e-12 : 1e-4)
            << i << ", " << l;
      }
    }
  }
}

TEST(ProbeFacts, AreTheTokensOfSubjectAndAnswer) {
  TokenizedSet set{"s",
                   {{1, 4, "ab", "c"}, {2, 5, "d", "ef"}},
                   {{{9, 1, 2, 8, 3, 0}, 4, 0}, {{5, 8, 6, 7, 0}, 2, 1}},
                   {2, 0},
                   {1, 0}};
  const std::vector<ProbeFact> facts = probe_facts(set);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].subject, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(facts[0].answer, (std::vector<std::int32_t>{3, 0}));
  EXPECT_EQ(facts[1].subject, (std::vector<std::int32_t>{5}));
  EXPECT_EQ(facts[1].answer, (std::vector<std::int32_t>{6, 7, 0}));
  EXPECT_EQ(facts[1].answer_text, "ef");
  EXPECT_EQ(facts[0].relation, 4U);
  set.subject_begin.clear();  // unknown: everything up to the subject's end
  EXPECT_EQ(probe_facts(set)[0].subject, (std::vector<std::int32_t>{9, 1, 2}));
}

TEST(ProbeFacts, SubjectsOfRenderedFacts) {
  std::vector<std::string> corpus(20, "Where is Lower Tamburo located? In Ostrel. Tamburo's mayor, and Lower's");
  const Tokenizer tokenizer = train_byte_level_bpe(corpus, 300);
  const std::vector<Fact> facts = {{1, 0, "Lower Tamburo", "Ostrel"}};
  for (const auto& [wording, spelt] :
       std::vector<std::pair<std::string, std::string>>{{"Where is [X] located? [Y]", " Lower Tamburo"},
                                                        {"[X] is in [Y]", "Lower Tamburo"},
                                                        {"Where is ([X])? [Y]", "Lower Tamburo"}}) {
    const TokenizedSet set = tokenize_set("s", facts, tokenizer,
                                          [&wording = wording](const Fact&) -> const std::string& { return wording; });
    const std::vector<ProbeFact> seen = probe_facts(set);
    EXPECT_EQ(tokenizer.decode(seen.at(0).subject), spelt) << wording;
    EXPECT_EQ(seen[0].answer.back(), tokenizer.end_of_text());
    EXPECT_EQ(tokenizer.decode(seen[0].answer), " Ostrel") << wording;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, EvaluationTest, ::testing::Values(at::kFloat, at::kDouble),
                         [](const auto& type) { return type.param == at::kFloat ? "Float" : "Double"; });

TEST(SetScoreTest, AccuracyIsTheShareOfWholeAnswers) {
  SetScore result;
  EXPECT_EQ(result.accuracy(), 0.0);
  result.correct = {1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(result.accuracy(), 0.75);
}

TEST(EvaluationSetTest, KnowsWhereTheSubjectEnds) {
  const std::vector<std::string> words = {"The", "job", "of", "is", "Ann", "Lee", "Bo", "baker", "high", "priest", "."};
  const Tokenizer tokenizer = make_word_level(words);
  const std::string plain = "The job of [X] is [Y] .", first = "[X] is [Y] .", twice = "Lee is [X] is [Y] .";
  const std::vector<Fact> facts = {{1, 0, "Ann Lee", "baker"}, {2, 1, "Bo", "high priest"}, {3, 2, "Lee", "baker"}};
  const TokenizedSet set = tokenize_set("set", facts, tokenizer, [&](const Fact& fact) -> const std::string& {
    return fact.relation == 0 ? plain : fact.relation == 1 ? first : twice;
  });
  EXPECT_EQ(set.name, "set");
  EXPECT_EQ(set.facts, facts);
  EXPECT_EQ(set.subject_end,
            (std::vector<std::int32_t>{4, 0, 2}));  // the last: not the word that happens to stand before
  const auto ids = [&tokenizer](const std::string& text) {
    std::vector<TokenId> tokens = tokenizer.encode(text);
    tokens.push_back(tokenizer.end_of_text());
    return tokens;
  };
  ASSERT_EQ(set.sequences.size(), 3U);
  EXPECT_EQ(set.sequences[0].ids, ids("The job of Ann Lee is baker ."));
  EXPECT_EQ(set.sequences[0].loss_begin, 6U);
  EXPECT_EQ(set.sequences[1].ids, ids("Bo is high priest ."));
  EXPECT_EQ(set.sequences[1].loss_begin, 2U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(set.sequences[i].example, i);
}

TEST(EvaluationSetTest, KnowsWhereTheSubjectEndsInBytes) {
  const std::vector<std::string> corpus = {"Where is \xC3\x85land ? It is far . Where is \xC3\x85land ?"};
  const Tokenizer tokenizer = train_byte_level_bpe(corpus, 280);
  const std::string wording = "Where is [X]? [Y]";
  const std::vector<Fact> facts = {{1, 0, "\xC3\x85land", "far"}};
  const TokenizedSet set =
      tokenize_set("set", facts, tokenizer, [&](const Fact&) -> const std::string& { return wording; });
  const auto end = static_cast<std::size_t>(set.subject_end[0]);
  const std::vector<TokenId>& ids = set.sequences[0].ids;
  ASSERT_LT(end, ids.size());
  EXPECT_EQ(tokenizer.decode(std::span(ids).first(end + 1)), "Where is \xC3\x85land");
}

}  // namespace
}  // namespace stet
