// SLiCK against its definition, computed without any cache: every prompt read from its first token for every new one.
#include <stet/evaluate/slick.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/model/token_sampler.hpp>

#include <unit/evaluate/slick_setting.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

namespace stet {
namespace {

using testing::SlickSetting;
using Category = KnowledgeCategory;

/// What the model writes after `ids`, up to `new_tokens` ids. Sample -1: greedy.
std::vector<TokenId> continued(const SlickSetting& s, std::vector<TokenId> ids, std::int64_t new_tokens, int sample,
                               std::uint64_t item) {
  TokenSampler sampler(s.options.temperature, s.options.top_k);
  const std::size_t start = ids.size();
  for (std::uint32_t step = 0; static_cast<std::int64_t>(step) < new_tokens; ++step) {
    const std::vector<std::int32_t> offsets = {0, static_cast<std::int32_t>(ids.size())};
    std::vector<std::int32_t> positions;
    for (std::size_t i = 0; i < ids.size(); ++i) positions.push_back(static_cast<std::int32_t>(i));
    const at::Tensor hidden = s.model.forward(s.weights, {ids, offsets, positions}, nullptr, nullptr);
    const at::Tensor logits = s.model.head(s.weights).mv(hidden[hidden.size(0) - 1]);
    const std::span<const double> row(logits.data_ptr<double>(), static_cast<std::size_t>(logits.numel()));
    sampler.prepare(row);
    const TokenId token =
        sample < 0 ? most_probable(row)
                   : sampler.draw(token_uniform(s.options.seed, item, static_cast<std::uint32_t>(sample), step));
    ids.push_back(token);
    if (token == s.tokenizer.end_of_text()) break;
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(start), ids.end()};
}

std::vector<std::vector<SlickLabel>> label(const SlickSetting& s) {
  const auto alone = make_single_process();
  return slick(s.model, s.weights, s.tokenizer, s.relations, s.options, *alone);
}

TEST(Slick, GoesOnWhereItWasTold) {
  const SlickSetting s;
  const auto alone = make_single_process();
  SlickState state;
  std::vector<double> shares;
  std::vector<std::vector<SlickLabel>> labels;
  int calls = 0;
  for (; labels.empty() && calls < 1000; ++calls) {
    int asked = 0;  // one group a call
    labels = slick(
        s.model, s.weights, s.tokenizer, s.relations, s.options, *alone, [&](double share) { shares.push_back(share); },
        [&] { return asked++ > 0; }, &state);
  }
  EXPECT_EQ(labels, label(s));
  EXPECT_EQ(static_cast<std::size_t>(calls), state.done.size());
  EXPECT_GT(calls, 2);
  ASSERT_EQ(shares.size(), state.done.size());
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(shares.back(), 1.0);
}

TEST(Slick, AHeadStandsOnceInFrontOfABlock) {
  SlickOptions options;
  options.head = "SYSTEM ";
  options.answer_lead = "=";
  options.separator = ";";
  options.shots = 2;
  options.prompts = 1;
  const SlickRelation relation{"r", {}, {{1, "SYSTEM p", {"a", "other"}}, {2, "SYSTEM q", {"b"}}}};
  const std::vector<std::size_t> order = slick_shots(options, "r", 2, 0);
  EXPECT_EQ(slick_block(options, relation, 0), order[0] == 0 ? "SYSTEM p=a;q=b;" : "SYSTEM q=b;p=a;");
  EXPECT_EQ(slick_question(options, relation.development[0]), "p");
  options.shots = 0;  // then the question has it
  EXPECT_EQ(slick_block(options, relation, 0), "");
  EXPECT_EQ(slick_question(options, relation.development[0]), "SYSTEM p");
}

TEST(Slick, CountsAreThoseOfTheDefinition) {
  const SlickSetting s;
  const auto labels = label(s);
  std::int64_t greedy_sum = 0, sample_sum = 0;
  for (std::size_t r = 0; r < s.relations.size(); ++r) {
    ASSERT_EQ(labels[r].size(), 45U);
    for (std::size_t i = 0; i < 45; ++i) {
      const SlickFact& fact = s.relations[r].facts[i];
      const auto right = [&](std::vector<TokenId> ids) {
        if (ids.back() != s.tokenizer.end_of_text()) return false;
        ids.pop_back();
        // "Green." of the vocabulary and "green" are the same answer.
        const std::string text = s.tokenizer.decode(ids);
        return std::any_of(fact.answers.begin(), fact.answers.end(), [&](const std::string& answer) {
          return text == answer || (answer == "Green." && text == "green");
        });
      };
      std::int64_t greedy = 0, samples = 0;
      for (std::int64_t p = 0; p < s.options.prompts; ++p) {
        std::string text;
        for (const std::size_t k : slick_shots(s.options, s.relations[r].name, 7, p)) {
          const SlickFact& shot = s.relations[r].development[k];
          text += shot.prompt + " " + shot.answers[0] + "<|endoftext|>";
        }
        const std::vector<TokenId> ids = s.tokenizer.encode(text + fact.prompt);
        const std::uint64_t item = Random(fact.id, "slick.fact", static_cast<std::uint64_t>(p)).bits64();
        greedy += right(continued(s, ids, 4, -1, item)) ? 1 : 0;  // the longest answer has two words
        for (int k = 0; k < s.options.samples; ++k) samples += right(continued(s, ids, 4, k, item)) ? 1 : 0;
      }
      EXPECT_EQ(labels[r][i].id, fact.id);
      EXPECT_EQ(labels[r][i].greedy_right, greedy) << r << " " << i;
      EXPECT_EQ(labels[r][i].samples_right, samples) << r << " " << i;
      EXPECT_EQ(labels[r][i].category, categorize(KnowledgeRule::slick, greedy, 3, samples, 12));
      greedy_sum += greedy;
      sample_sum += samples;
    }
  }
  EXPECT_GT(greedy_sum, 0);  // otherwise nothing was compared
  EXPECT_GT(sample_sum, 10);
  std::size_t all = 0;
  for (const std::size_t count : count_categories(labels[0])) all += count;
  EXPECT_EQ(all, 45U);
}

TEST(Slick, AFactsLabelDoesNotDependOnTheOthers) {
  SlickSetting s;
  const auto together = label(s);
  s.relations[0].facts.erase(s.relations[0].facts.begin(), s.relations[0].facts.begin() + 30);
  std::reverse(s.relations[0].facts.begin(), s.relations[0].facts.end());
  s.relations.erase(s.relations.begin() + 1);
  auto fewer = label(s)[0];
  std::reverse(fewer.begin(), fewer.end());
  EXPECT_EQ(fewer, std::vector<SlickLabel>(together[0].begin() + 30, together[0].end()));
}

TEST(Slick, TheSamplesDecideInTheOtherRule) {
  SlickSetting s;
  const auto by_slick = label(s);
  s.options.rule = KnowledgeRule::always_never;
  s.options.greedy = false;
  const auto labels = label(s);
  for (std::size_t i = 0; i < labels[0].size(); ++i) {
    EXPECT_EQ(labels[0][i].samples_right, by_slick[0][i].samples_right);  // the same draws
    EXPECT_EQ(labels[0][i].greedy_right, 0);
    EXPECT_EQ(labels[0][i].category, categorize(KnowledgeRule::always_never, 0, 0, labels[0][i].samples_right, 12));
  }
  const SlickOptions twenty = SlickOptions::twenty_samples();
  EXPECT_EQ(twenty.prompts * twenty.samples, 20);
}

/// Byte-level: the separator is a letter, which many tokens hold in their middle.
TEST(Slick, AnswersEndInsideATokenAndTextDecides) {
  SlickSetting s;
  const std::vector<std::string> corpus(
      5, "the seven trees were green; he feels these men never rest, we see the better tree here");
  s.tokenizer = train_byte_level_bpe(corpus, 300);
  s.model = Transformer([&] {
    ModelConfig config = SlickSetting::make_config(static_cast<std::int64_t>(s.tokenizer.vocabulary_size()));
    config.context = 128;
    return config;
  }());
  s.options = {};
  s.options.separator = "e";
  s.options.prompts = 1;
  s.options.shots = 0;
  s.options.samples = 0;
  s.options.max_new_tokens = 12;
  int ended = 0, cut = 0;
  s.relations.resize(1);
  s.relations[0].development.clear();
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    s.weights = initial_values(s.model.table(), s.model.config(), seed, at::kDouble);
    s.relations[0].facts = {{1, "w" + std::to_string(seed), {"x"}}};
    // continued() ends at the end of text alone: the text is cut here.
    const std::vector<TokenId> ids = continued(s, s.tokenizer.encode(s.relations[0].facts[0].prompt), 12, -1, 0);
    std::vector<TokenId> upto;
    bool found = false;
    for (const TokenId id : ids) {
      upto.push_back(id);
      found = s.tokenizer.decode(std::span(&id, 1), false).find('e') != std::string::npos;
      if (found) break;
    }
    const std::string text = s.tokenizer.decode(upto);
    const std::string answer = text.substr(0, text.find('e'));
    if (!found || normalized_answer(answer).empty()) continue;
    ++ended;
    if (s.tokenizer.decode(std::span(&upto.back(), 1)).front() != 'e') ++cut;
    s.relations[0].facts[0].answers = {"not this", answer};
    EXPECT_EQ(label(s)[0][0].greedy_right, 1) << text;
    EXPECT_EQ(label(s)[0][0].category, Category::highly_known);
    s.relations[0].facts[0].answers = {answer + "q"};
    EXPECT_EQ(label(s)[0][0].category, Category::unknown);
  }
  EXPECT_GT(ended, 2);
  EXPECT_GT(cut, 0);
}

TEST(Slick, ShotsAreDistinctAndFixed) {
  SlickOptions options;
  std::set<std::vector<std::size_t>> all;
  for (std::int64_t p = 0; p < 10; ++p) {
    const auto shots = slick_shots(options, "P17", 50, p);
    EXPECT_EQ(std::set<std::size_t>(shots.begin(), shots.end()).size(), 4U);
    EXPECT_LT(*std::max_element(shots.begin(), shots.end()), 50U);
    EXPECT_EQ(shots, slick_shots(options, "P17", 50, p));
    all.insert(shots);
  }
  EXPECT_EQ(all.size(), 10U);
  EXPECT_NE(slick_shots(options, "P17", 50, 0), slick_shots(options, "P36", 50, 0));
  SlickOptions other = options;
  other.seed = 2;
  EXPECT_NE(slick_shots(options, "P17", 50, 0), slick_shots(other, "P17", 50, 0));
  all.clear();
  for (std::int64_t p = 0; p < 10; ++p) all.insert(slick_shots(options, "P17", 4, p));  // 24 orders of the same four
  EXPECT_EQ(all.size(), 10U);
  EXPECT_THROW((void)slick_shots(options, "P17", 3, 0), Error);
}

TEST(Slick, MisuseIsRefused) {
  const auto error_after = [](void (*change)(SlickSetting&)) {
    SlickSetting s;
    change(s);
    try {
      (void)label(s);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(error_after([](SlickSetting&) {}), "");
  const std::string long_one = error_after([](SlickSetting& s) { s.options.shots = 5; });  // 5 x 5 tokens
  EXPECT_NE(long_one.find("do not fit the model's context"), std::string::npos) << long_one;
  EXPECT_NE(long_one.find("relation born"), std::string::npos);
  EXPECT_NE(
      error_after([](SlickSetting& s) { s.relations[1].development.resize(1); }).find("too few development examples"),
      std::string::npos);
  EXPECT_NE(error_after([](SlickSetting& s) {
              s.relations[1].development.push_back(s.relations[1].facts[3]);
            }).find("development"),
            std::string::npos);
  EXPECT_NE(error_after([](SlickSetting& s) { s.relations[0].facts[2].answers.clear(); }).find("no answer"),
            std::string::npos);
  EXPECT_NE(error_after([](SlickSetting& s) { s.relations[0].facts[2].answers = {" . "}; }).find("no answer"),
            std::string::npos);
  for (const auto change :
       {+[](SlickSetting& s) { s.options.prompts = 0; }, +[](SlickSetting& s) { s.options.shots = -1; },
        +[](SlickSetting& s) { s.options.shots = 0; }, +[](SlickSetting& s) { s.options.greedy = false; },
        +[](SlickSetting& s) { s.options.separator = ""; }, +[](SlickSetting& s) { s.options.temperature = 0; },
        +[](SlickSetting& s) { s.options.rule = KnowledgeRule::always_never, s.options.samples = 0; }}) {
    EXPECT_NE(error_after(change), "");
  }
}

TEST(Slick, NormalizationIsWhatItSays) {
  EXPECT_EQ(normalized_answer("  New \t York\n"), "new york");
  EXPECT_EQ(normalized_answer("Paris."), "paris");
  EXPECT_EQ(normalized_answer("Washington, D.C."), "washington, d.c");
  EXPECT_EQ(normalized_answer("Washington, D.C"), "washington, d.c");
  EXPECT_EQ(normalized_answer("Málaga . "), "málaga");
  EXPECT_NE(normalized_answer("Malaga"), normalized_answer("Málaga"));
  EXPECT_EQ(normalized_answer("\u00c9"), "\u00c9");  // ASCII alone
  EXPECT_EQ(normalized_answer(" . "), "");
  EXPECT_EQ(normalized_answer(""), "");
}

TEST(KnowledgeCategories, FollowTheirDefinitions) {
  const auto slick_rule = [](std::int64_t greedy, std::int64_t samples) {
    return categorize(KnowledgeRule::slick, greedy, 10, samples, 160);
  };
  EXPECT_EQ(slick_rule(10, 0), Category::highly_known);
  EXPECT_EQ(slick_rule(9, 160), Category::maybe_known);
  EXPECT_EQ(slick_rule(1, 0), Category::maybe_known);
  EXPECT_EQ(slick_rule(0, 1), Category::weakly_known);
  EXPECT_EQ(slick_rule(0, 0), Category::unknown);
  const auto twenty = [](std::int64_t right) { return categorize(KnowledgeRule::always_never, 0, 0, right, 20); };
  EXPECT_EQ(twenty(20), Category::highly_known);
  EXPECT_EQ(twenty(19), Category::maybe_known);
  EXPECT_EQ(twenty(1), Category::maybe_known);
  EXPECT_EQ(twenty(0), Category::unknown);
  for (int i = 0; i < knowledge_category_count; ++i) {
    EXPECT_EQ(parse_knowledge_category(name_of(static_cast<Category>(i))), static_cast<Category>(i));
  }
  EXPECT_EQ(parse_knowledge_category("Known"), std::nullopt);
}

}  // namespace
}  // namespace stet
