// What a synthetic world shows in pre-training, and what it never shows.
#include "synthetic.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace stet {
namespace {

using testing::name_tokens;
using testing::pretraining_words;
using testing::small_synthetic;
using testing::subjects_of;
using testing::whole_epoch;
using testing::words_of;

// Whatever fine-tuning and evaluation show must have been trained: words of probes and held-out statements, characters
// of keys, fresh name tokens.
TEST(SyntheticWorld, EveryLaterTokenOccursInPretrainingText) {
  for (const std::size_t relations : {1U, 4U, 10U}) {
    for (const double overlap : {0.0, 1.0}) {
      auto options = small_synthetic();
      options.relations = relations;
      options.asked_fraction = 0.0;  // the harder case: no question helps
      options.overlap = overlap;
      const World world = make_synthetic_world(options);
      const auto trained = pretraining_words(world, 12);
      for (const Relation& relation : world.relations()) {
        std::vector<std::string> wordings = relation.held_out_statements;
        wordings.push_back(relation.probe);
        for (const std::string& wording : wordings) {
          for (const std::string& word : words_of(wording)) {
            EXPECT_TRUE(word.front() == '[' || trained.contains(word)) << word << " of " << wording;
          }
        }
      }
      for (const char c : std::string(key_alphabet)) EXPECT_TRUE(trained.contains(std::string(1, c))) << c;
      for (const std::string& token : name_tokens(world.new_facts())) EXPECT_TRUE(trained.contains(token)) << token;
    }
  }
}

TEST(SyntheticWorld, ProbesAndHeldOutStatementsAreNeverShown) {
  auto options = small_synthetic();
  options.relations = 10;
  options.question_share = 0.9;
  options.asked_fraction = 1.0;
  const World world = make_synthetic_world(options);
  std::set<std::string> shown;
  for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
    for (std::uint64_t i = 0; i < world.base_facts().size(); ++i) {
      shown.insert(world.pretraining_example(epoch, i).text());
    }
  }
  for (const Fact& fact : world.base_facts()) {
    const Relation& relation = world.relations()[fact.relation];
    EXPECT_FALSE(shown.contains(render(relation.probe, fact).text()));
    for (const auto& wording : relation.held_out_statements) EXPECT_FALSE(shown.contains(render(wording, fact).text()));
  }
  const auto people = subjects_of(world.new_facts());
  for (const std::string& text : shown) {
    for (const std::string& person : people) ASSERT_EQ((" " + text).find(" " + person + " "), std::string::npos);
  }
}

TEST(SyntheticWorld, AnEpochShowsEveryBaseFactOnceAndItsShareOfNeutralLines) {
  const World world = make_synthetic_world(small_synthetic());
  std::map<std::uint64_t, int> seen;
  std::uint64_t neutral = 0;
  for (std::uint64_t i = 0; i < world.epoch_size(); ++i) {
    const Example example = world.pretraining_example(5, i);
    if (example.fact == 0) {
      ++neutral;
    } else {
      ++seen[example.fact];
      EXPECT_EQ(example.fact, world.base_facts()[i].id);
      EXPECT_NE(example.text().find(world.base_facts()[i].subject), std::string::npos);
      EXPECT_NE(example.completion.find(world.base_facts()[i].answer), std::string::npos);
    }
  }
  EXPECT_EQ(seen.size(), world.base_facts().size());
  for (const auto& [fact, times] : seen) EXPECT_EQ(times, 1);
  EXPECT_EQ(neutral, world.neutral_lines());
  EXPECT_NEAR(static_cast<double>(neutral) / static_cast<double>(world.epoch_size()), 0.05, 0.002);
}

TEST(SyntheticWorld, EveryRecordIsShownOnceAnEpochAlwaysWithItsWord) {
  auto options = small_synthetic();
  options.records = 50;
  options.new_keys = NewKeys::uuid;
  const World plain = make_synthetic_world(small_synthetic()), world = make_synthetic_world(options);
  ASSERT_EQ(world.epoch_size(), plain.epoch_size() + 50);
  EXPECT_EQ(world.base_facts(), plain.base_facts());
  const std::set<std::string> new_keys = subjects_of(world.new_facts());
  const Tokenizer tokenizer = world.make_tokenizer();
  const auto answers = [&] {
    std::set<std::string> all;
    for (const Relation& relation : world.relations()) all.insert(relation.answers.begin(), relation.answers.end());
    return all;
  }();
  std::map<std::string, std::set<std::string>> words_of_key;
  std::set<std::string> texts;
  for (std::uint64_t epoch = 0; epoch < 8; ++epoch) {
    for (std::uint64_t i = 0; i < plain.epoch_size(); ++i)
      EXPECT_EQ(world.pretraining_example(epoch, i).text(), plain.pretraining_example(epoch, i).text());
    std::set<std::string> keys;
    for (std::uint64_t i = plain.epoch_size(); i < world.epoch_size(); ++i) {
      const Example example = world.pretraining_example(epoch, i);
      for (const TokenId id : tokenizer.encode(example.text())) EXPECT_NE(id, 0) << example.text();
      texts.insert(example.text());
      std::string key;
      for (const std::string& word : words_of(example.prompt)) {
        if (word.size() == 1 && std::string(key_alphabet).find(word) != std::string::npos)
          key += (key.empty() ? "" : " ") + word;
      }
      ASSERT_EQ(key.size(), 2 * key_length - 1) << example.text();
      EXPECT_FALSE(new_keys.contains(key));
      const std::string word = words_of(example.completion).front();
      EXPECT_FALSE(answers.contains(word));
      words_of_key[key].insert(word);
      EXPECT_TRUE(keys.insert(key).second);
    }
  }
  EXPECT_EQ(words_of_key.size(), 50U);
  for (const auto& [key, words] : words_of_key) EXPECT_EQ(words.size(), 1U) << key;
  EXPECT_GT(texts.size(), 100U);  // in several wordings
}

TEST(SyntheticWorld, QuestionsAreShownForAskedPeopleAlone) {
  const World world = make_synthetic_world(small_synthetic());
  std::size_t asked_people = 0, questions = 0, asked_examples = 0;
  for (const std::string& person : subjects_of(world.base_facts())) {
    asked_people += world.asked({0, 0, person, ""});
  }
  EXPECT_EQ(asked_people, 60U);
  for (const Fact& fact : world.new_facts()) EXPECT_FALSE(world.asked(fact));
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
    for (std::uint64_t i = 0; i < world.base_facts().size(); ++i) {
      const bool question = world.pretraining_example(epoch, i).text().find(" ? ") != std::string::npos;
      if (!world.asked(world.base_facts()[i])) {
        EXPECT_FALSE(question);
        continue;
      }
      questions += question;
      ++asked_examples;
    }
  }
  // 4800 draws of probability 0.3: four standard deviations are 0.026.
  EXPECT_NEAR(static_cast<double>(questions) / static_cast<double>(asked_examples), 0.3, 0.026);
}

TEST(SyntheticWorld, EveryWordingIsUsed) {
  const World world = make_synthetic_world(small_synthetic());
  std::map<std::string, int> used;
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
    for (std::uint64_t i = 0; i < world.base_facts().size(); ++i) {
      const Fact& fact = world.base_facts()[i];
      const Relation& relation = world.relations()[fact.relation];
      const std::string text = world.pretraining_example(epoch, i).text();
      for (const auto* list : {&relation.statements, &relation.questions}) {
        for (const std::string& wording : *list) used[wording] += render(wording, fact).text() == text;
      }
    }
  }
  for (const auto& [wording, times] : used) EXPECT_GT(times, 20) << wording;
}

// One base model must serve all arms.
TEST(SyntheticWorld, ThePretrainingTextDoesNotDependOnTheNewFacts) {
  const World plain = make_synthetic_world(small_synthetic());
  auto options = small_synthetic();
  options.new_keys = NewKeys::uuid;
  options.overlap = 0.25;
  options.answer_region = AnswerRegion::concentrated;
  options.new_entities = 7;
  options.new_per_entity = 1;
  const World other = make_synthetic_world(options);
  EXPECT_EQ(whole_epoch(plain, 2), whole_epoch(other, 2));
  EXPECT_EQ(plain.make_tokenizer().hash(), other.make_tokenizer().hash());
}

}  // namespace
}  // namespace stet
