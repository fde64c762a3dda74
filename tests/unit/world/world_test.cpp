#include <stet/base/error.hpp>
#include <stet/config/document.hpp>
#include <stet/world/world.hpp>
#include <stet/world/world_schemas.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

WorldContent content() {
  WorldContent c;
  c.relations = {{"likes", {"tea"}, {"[X] likes [Y]"}, {}, {}, "probe [X] [Y]"}};
  c.base_facts = {{1, 0, "ann", "tea"}, {2, 0, "bob", "tea"}};
  c.new_facts = {{3, 0, "cid", "tea"}};
  c.neutral.patterns = {"hello"};
  c.vocabulary_text = {"ann", "bob", "cid", "likes", "tea", "hello", "probe"};
  return c;
}

TEST(World, AtLeastOneNeutralLineAndNoQuestionsWhereThereAreNone) {
  const World world(content());
  EXPECT_EQ(world.epoch_size(), 3U);
  EXPECT_EQ(world.pretraining_example(0, 2).text(), "hello");
  EXPECT_EQ(world.pretraining_example(0, 2).fact, 0U);
  for (std::uint64_t epoch = 0; epoch < 30; ++epoch) {
    EXPECT_EQ(world.pretraining_example(epoch, 0).text(), "ann likes tea");
  }
  EXPECT_EQ(world.make_tokenizer().vocabulary_size(), 9U);
}

TEST(World, RefusesWhatMakesNoSense) {
  const auto refused = [](auto change) {
    WorldContent c = content();
    change(c);
    EXPECT_THROW(static_cast<void>(World(std::move(c))), Error);
  };
  refused([](auto& c) { c.relations.clear(); });
  refused([](auto& c) { c.base_facts.clear(); });
  refused([](auto& c) { c.relations[0].statements.clear(); });
  refused([](auto& c) { c.relations[0].statements[0] = "[X] likes"; });
  refused([](auto& c) { c.relations[0].probe = ""; });
  refused([](auto& c) { c.new_facts.push_back(c.base_facts[0]); });
  refused([](auto& c) { c.neutral_share = 1.0; });
  refused([](auto& c) { c.asked_fraction = 1.1; });
  EXPECT_NO_THROW(static_cast<void>(World(content())));
}

TEST(WorldDeathTest, AnIndexBeyondTheEpochIsAProgrammingError) {
  const World world(content());
  EXPECT_DEATH(static_cast<void>(world.pretraining_example(0, 3)), "epoch_size");
}

TEST(WorldSchemas, ReadTheirTables) {
  const auto synthetic = synthetic_world_schema().read(
      config::parse("entities = 50\nnew_keys = \"uuid\"\nanswer_region = \"concentrated\"\noverlap = 0.5\n", "w.toml"));
  EXPECT_EQ(synthetic.entities, 50U);
  EXPECT_EQ(synthetic.new_keys, NewKeys::uuid);
  EXPECT_EQ(synthetic.answer_region, AnswerRegion::concentrated);
  EXPECT_EQ(synthetic.overlap, 0.5);
  EXPECT_EQ(synthetic.relations, SyntheticWorldOptions{}.relations);
  const auto questions =
      entity_questions_schema().read(config::parse("path = \"/d\"\nrelations = [\"P19\"]\n", "w.toml"));
  EXPECT_EQ(questions.path, "/d");
  EXPECT_EQ(questions.relations, std::vector<std::string>{"P19"});
  EXPECT_EQ(questions.vocabulary, EntityQuestionsOptions{}.vocabulary);
}

TEST(WorldSchemas, RefuseUnknownKeysAndBadValues) {
  for (const char* bad : {"entites = 5", "relations = 11", "overlap = 1.5", "new_keys = \"guid\"",
                          "neutral_share = 0.0", "entities = -1"}) {
    EXPECT_THROW(static_cast<void>(synthetic_world_schema().read(config::parse(bad, "w.toml"))), Error) << bad;
  }
  for (const char* bad : {"vocabulary = 100", "relations = 3", "facts_per_relation = 0"}) {
    EXPECT_THROW(static_cast<void>(entity_questions_schema().read(config::parse(bad, "w.toml"))), Error) << bad;
  }
}

TEST(WorldSchemas, HaveEveryOption) {
  EXPECT_EQ(synthetic_world_schema().fields().size(), 19U);
  EXPECT_EQ(entity_questions_schema().fields().size(), 14U);
}

}  // namespace
}  // namespace stet
