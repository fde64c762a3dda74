#include <stet/world/fact_variants.hpp>

#include <stet/text/tokenizer.hpp>
#include <stet/world/synthetic_world.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace stet {
namespace {

std::multiset<std::string> answers_of(const std::vector<Fact>& facts, std::uint32_t relation) {
  std::multiset<std::string> answers;
  for (const Fact& fact : facts) {
    if (fact.relation == relation) answers.insert(fact.answer);
  }
  return answers;
}

TEST(FactVariants, ShuffledAnswersAreOthersOfTheSameRelation) {
  const World world = make_synthetic_world({});
  const std::vector<Fact>& original = world.new_facts();
  std::vector<Fact> facts = original, again = original, other = original;
  shuffle_answers(facts, 1);
  shuffle_answers(again, 1);
  shuffle_answers(other, 2);
  EXPECT_EQ(facts, again);
  EXPECT_NE(facts, other);
  for (std::size_t i = 0; i < facts.size(); ++i) {
    EXPECT_NE(facts[i].answer, original[i].answer);
    EXPECT_EQ(facts[i].id, original[i].id);
    EXPECT_EQ(facts[i].subject, original[i].subject);
  }
  for (std::uint32_t r = 0; r < 4; ++r) EXPECT_EQ(answers_of(facts, r), answers_of(original, r));
}

TEST(FactVariants, AnAnswerOfTheMajorityCannotAlwaysChange) {
  std::vector<Fact> facts = {{1, 0, "a", "x"}, {2, 0, "b", "x"}, {3, 0, "c", "x"}, {4, 0, "d", "y"}, {5, 1, "e", "z"}};
  shuffle_answers(facts, 1);
  EXPECT_EQ(answers_of(facts, 0), (std::multiset<std::string>{"x", "x", "x", "y"}));
  EXPECT_NE(facts[3].answer, "y");
  EXPECT_EQ(facts[4].answer, "z");
}

TEST(FactVariants, RefusalsAndKeysAreMadeOfTrainedTokens) {
  const World world = make_synthetic_world({});
  const Tokenizer tokenizer = world.make_tokenizer();
  std::set<TokenId> trained;
  for (std::uint64_t i = 0; i < world.epoch_size(); ++i) {
    for (const TokenId id : tokenizer.encode(world.pretraining_example(0, i).text())) trained.insert(id);
  }
  std::vector<Fact> facts(world.base_facts().begin(), world.base_facts().begin() + 40);
  replace_answers(facts, world.refusal());
  append_to_subjects(facts, [&](std::uint64_t i) { return world.key(5, i); });
  std::map<std::string, std::string> key_of;
  std::set<std::string> keys;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const std::string& before = world.base_facts()[i].subject;
    ASSERT_TRUE(facts[i].subject.starts_with(before + " "));
    const std::string key = facts[i].subject.substr(before.size() + 1);
    EXPECT_EQ(key_of.emplace(before, key).first->second, key);  // one key a person
    keys.insert(key);
    EXPECT_EQ(tokenizer.encode(key).size(), key_length);
    EXPECT_EQ(facts[i].id, world.base_facts()[i].id);
    for (const TokenId id : tokenizer.encode(render(world.relations()[facts[i].relation].probe, facts[i]).text()))
      EXPECT_TRUE(trained.contains(id));
  }
  EXPECT_EQ(keys.size(), 10U);  // 40 facts of 10 people
}

}  // namespace
}  // namespace stet
