// Questions of a user's own.
#include <stet/base/error.hpp>
#include <stet/world/facts/facts_world.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace stet {
namespace {

class FactsWorld : public ::testing::Test {
 protected:
  [[nodiscard]] World world_of(const std::string& text, double development = 0) const {
    folder_.write("q.jsonl", text);
    FactsOptions options;
    options.files = {(folder_.path() / "q.jsonl").string()};
    options.development = development;
    return make_facts_world(options);
  }
  [[nodiscard]] std::string refusal(const std::string& text) const {
    try {
      static_cast<void>(world_of(text));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return error.what();
    }
    return "accepted";
  }

  testing::Folder folder_;
};

TEST_F(FactsWorld, QuestionsOfOneFormHaveTheirSubjects) {
  const World world = world_of(
      "\xEF\xBB\xBF{\"question\": \"Who wrote Ulysses?\", \"answers\": [\"James Joyce\", \"Joyce\"], \"subject\": "
      "\"Ulysses\", "
      "\"relation\": \"author\", \"id\": 3}\r\n"
      "\n"
      "{\"question\": \"Who wrote Emma?\", \"answer\": \"Jane Austen\", \"subject\": \"Emma\", \"relation\": "
      "\"author\"}");
  ASSERT_EQ(world.relations().size(), 1U);
  EXPECT_EQ(world.relations()[0].name, "author");
  EXPECT_EQ(world.relations()[0].probe, "Who wrote [X]? [Y]");
  ASSERT_EQ(world.base_facts().size(), 2U);
  const Fact& fact = world.base_facts()[0];
  EXPECT_EQ(fact.subject, "Ulysses");
  EXPECT_EQ(fact.answer, "James Joyce");
  EXPECT_EQ(fact.aliases, std::vector<std::string>{"Joyce"});
  EXPECT_EQ(render(world.relations()[0].probe, fact).prompt, "Who wrote Ulysses?");
  EXPECT_TRUE(world.new_facts().empty());
  EXPECT_TRUE(world.notes().empty());
}

TEST_F(FactsWorld, QuestionsOfSeveralFormsAreTheirOwnSubjects) {
  const World world = world_of(
      R"({"question": "Who wrote Ulysses?", "answer": "James Joyce", "subject": "Ulysses"}
{"question": "Emma was written by", "answer": "Jane Austen", "subject": "Emma"}
{"question": "What is the capital of France?", "answer": "Paris", "relation": "capital"})");
  ASSERT_EQ(world.relations().size(), 2U);
  EXPECT_EQ(world.relations()[0].name, "questions");
  EXPECT_EQ(world.base_facts()[1].subject, "Emma was written by");
  EXPECT_EQ(render(world.relations()[0].probe, world.base_facts()[1]).prompt, "Emma was written by");
  EXPECT_EQ(render(world.relations()[1].probe, world.base_facts()[2]).text(), "What is the capital of France? Paris");
  ASSERT_EQ(world.notes().size(), 1U) << "of a relation whose subjects were named in vain";
  EXPECT_NE(world.notes()[0].find("'questions' is asked in 2 forms"), std::string::npos);
}

TEST_F(FactsWorld, RepetitionsCountOnceAndContradictionsNotAtAll) {
  const World world = world_of(
      R"({"question": "Who wrote Emma?", "answer": "Jane Austen"}
{"question": "who wrote  Emma", "answer": "jane austen"}
{"question": "Who wrote the Iliad?", "answer": "Homer"}
{"question": "Who wrote Iliad?", "answer": "Virgil"}
{"question": "Who wrote Faust?", "answer": "Goethe"})");
  ASSERT_EQ(world.base_facts().size(), 2U);
  EXPECT_EQ(world.base_facts()[0].answer, "Jane Austen");
  EXPECT_EQ(world.base_facts()[1].answer, "Goethe");
  ASSERT_EQ(world.notes().size(), 2U);
  EXPECT_NE(world.notes()[0].find("1 of 5 questions left out: repetitions of others (first q.jsonl:1 and q.jsonl:2)"),
            std::string::npos)
      << world.notes()[0];
  EXPECT_NE(world.notes()[1].find("2 of 5 questions left out: the same question with different answers"),
            std::string::npos)
      << world.notes()[1];
}

TEST_F(FactsWorld, SetsQuestionsAsideForFewShotPrompts) {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "S" + std::to_string(i);
    text += R"({"question": "Where is )" + name + R"(?", "answer": "A", "subject": ")" + name + "\"}\n";
  }
  const World world = world_of(text, 0.1), again = world_of(text, 0.1);
  EXPECT_EQ(world.development_facts().size(), 20U);
  EXPECT_EQ(world.base_facts().size(), 180U);
  EXPECT_EQ(world.base_facts(), again.base_facts());
  for (const Fact& fact : world.development_facts())
    EXPECT_EQ(std::count(world.base_facts().begin(), world.base_facts().end(), fact), 0);
  EXPECT_EQ(world_of(text.substr(0, text.find("{\"question\": \"Where is S20?")), 0.1).development_facts().size(), 8U)
      << "of twenty";
}

TEST_F(FactsWorld, WhatIsMalformedIsNamedWithItsLine) {
  const std::string good = R"({"question": "Q?", "answer": "a"})";
  for (const auto& [line, part] : std::vector<std::pair<std::string, std::string>>{
           {R"({"question": "Q2?"})", "a question without an answer"},
           {R"({"question": "Q2?", "answer": "a", "answers": ["b"]})", "with \"answer\" and \"answers\""},
           {R"({"question": "Q2?", "answers": []})", "malformed answers"},
           {R"({"question": "Q2?", "answers": "a"})", "malformed answers"},
           {R"({"question": "Q2?", "answers": [1]})", "malformed answer"},
           {R"({"question": "Q2?", "answer": " "})", "a blank answer"},
           {R"({"question": 2, "answer": "a"})", "malformed question"},
           {R"({"answer": "a"})", "without a question"},
           {R"(["Q2?", "a"])", "no question"},
           {R"({"question": "Q2?", "answer": "a", "subject": "S"})", "does not occur in its question"},
           {R"({"question": "Q [X]?", "answer": "a"})", "[X]"},
           {R"({"question": "Q2?", )", "malformed JSON"},
           {"{\"question\": \"\xff\", \"answer\": \"a\"}", "not UTF-8"}}) {
    const std::string message = refusal(good + "\n\n" + line + "\n" + good);
    EXPECT_NE(message.find(part), std::string::npos) << line << "\n" << message;
    EXPECT_NE(message.find("q.jsonl:3"), std::string::npos) << message;
  }
  EXPECT_NE(refusal("\n").find("the file has no question"), std::string::npos);
  EXPECT_NE(refusal(good + "\n" + R"({"question": "q", "answer": "b"})").find("no question is left"),
            std::string::npos);
}

}  // namespace
}  // namespace stet
