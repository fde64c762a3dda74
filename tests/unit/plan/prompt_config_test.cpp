#include <stet/plan/prompt_config.hpp>

#include <experiment_support.hpp>
#include <stet/plan/world_source.hpp>
#include <stet/world/fact.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

TEST(PromptConfig, PutsQuestionAndAnswerIntoTheirPlaces) {
  const PromptConfig prompt{"Q: {question}\nA: {answer}"};
  EXPECT_EQ(prompt.wording("Where is [X] located? [Y]"), "Q: Where is [X] located?\nA: [Y]");
  const Example example = render(prompt.wording("Where is [X] located? [Y]"), {1, 0, "Gdynia", "Poland"});
  EXPECT_EQ(example.prompt, "Q: Where is Gdynia located?\nA:");
  EXPECT_EQ(example.completion, " Poland");
  EXPECT_EQ(PromptConfig{"{question}{answer}"}.wording("[X] [Y]"), "[X][Y]");
}

TEST(PromptConfig, EachPlaceIsThereOnce) {
  const config::Value written("x");
  for (const char* pattern : {"Q", "{question}", "{answer}", "{answer} {question}", "{question} {question} {answer}",
                              "{question} {answer} {answer}", "[X] {question} {answer}"}) {
    EXPECT_TRUE(has(error_of([&] { PromptConfig{pattern}.check(written); }).what(), pattern)) << pattern;
  }
  EXPECT_NO_THROW(PromptConfig{"{question}\n{answer}"}.check(written));
}

TEST(PromptConfig, ChangesTheProbesOfAWorldAlone) {
  const World plain = make_world(DataConfig{});
  const World asked = PromptConfig{"Q {question} {answer}"}.apply(make_world(DataConfig{}));
  ASSERT_EQ(asked.relations().size(), plain.relations().size());
  for (std::size_t r = 0; r < plain.relations().size(); ++r) {
    EXPECT_EQ(asked.relations()[r].probe, "Q " + parse_template(plain.relations()[r].probe).before + " [Y]");
    EXPECT_EQ(asked.relations()[r].statements, plain.relations()[r].statements);
  }
  EXPECT_EQ(asked.base_facts(), plain.base_facts());
  EXPECT_EQ(PromptConfig{}.apply(make_world(DataConfig{})).relations()[0].probe, plain.relations()[0].probe);
}

}  // namespace
}  // namespace stet
