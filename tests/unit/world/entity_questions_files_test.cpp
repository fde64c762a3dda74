// EntityQuestions' files: what is malformed, missing, ambiguous or double, in a small folder of our own.
#include <stet/base/error.hpp>
#include <stet/world/entity_questions_file.hpp>
#include <stet/world/entity_questions_wordings.hpp>
#include <stet/world/entity_questions_world.hpp>

#include <fixtures_folder.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

namespace stet {
namespace {

/// A small data folder of our own.
class DataFolder {
 public:
  DataFolder() {
    write("relation_query_templates.json", R"({"P1": "Where is [X]?", "P2": "Who is [X]?"})");
    write("train/P1.train.json", R"([{"question": "Where is A?", "answers": ["a"]}])");
  }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  [[nodiscard]] EntityQuestionsOptions options() const {
    EntityQuestionsOptions options;
    options.path = path().string();
    options.relations = {"P1"};
    options.facts_per_relation = 2;
    options.new_per_relation = 1;
    options.vocabulary = 300;
    return options;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  testing::Folder folder_;
};

Error failure(const EntityQuestionsOptions& options) {
  try {
    static_cast<void>(make_entity_questions_world(options));
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorKind::numerical, "accepted");
}

TEST(EntityQuestionsWorld, MalformedFilesAreNamedWithTheirLine) {
  DataFolder folder;
  const std::string good = "[\n  {\"question\": \"Where is A, [B]?\", \"answers\": [\"a, ]\\\"[\"]},\n";
  const std::vector<std::string> bad_items = {
      "{\"question\": \"Who is B?\", \"answers\": [\"b\"]}",
      "{\"question\": \"Where is ?\", \"answers\": [\"b\"]}",
      "{\"question\": \"Where is B\", \"answers\": [\"b\"]}",
      "{\"question\": 7, \"answers\": [\"b\"]}",
      "{\"question\": \"Where is B?\"}",
      "{\"question\": \"Where is B?\", \"answers\": []}",
      "{\"question\": \"Where is B?\", \"answers\": [1]}",
      "{\"question\": \"Where is B?\", \"answers\": [\"\"]}",
      "{\"question\": \"Where is B?\", \"answers\": \"b\"}",
      "{\"question\": \"Where is B?\", \"answers\": [\" \\t\"]}",
      "{\"question\": \"Where is B?\", \"answers\": [\"b\", \"\\u00a0\"]}",
      "{\"question\": \"Where is  ?\", \"answers\": [\"b\"]}",
      "\"text\"",
      "null",
  };
  for (const std::string& item : bad_items) {
    folder.write("train/P1.train.json", good + "\n  " + item + "\n]");
    const Error error = failure(folder.options());
    EXPECT_EQ(error.kind(), ErrorKind::data) << item;
    EXPECT_TRUE(error.where().ends_with("P1.train.json:4")) << item << ": " << error.what();
  }
  folder.write("train/P1.train.json", good + "  {\"question\" \"Where is B?\"}\n]");
  EXPECT_NE(failure(folder.options()).where().find("P1.train.json:3:"), std::string::npos);
  folder.write("train/P1.train.json",
               good + std::string("\0\n {", 4));  // what stands before a NUL byte is no whole file
  EXPECT_NE(failure(folder.options()).where().find("P1.train.json:3:1"), std::string::npos);
  folder.write("train/P1.train.json", good.substr(0, good.size() - 2) + std::string("]\n\0\0", 4));
  EXPECT_NE(failure(folder.options()).where().find("P1.train.json:3:1"), std::string::npos);
  folder.write("train/P1.train.json", "{}");
  EXPECT_EQ(failure(folder.options()).kind(), ErrorKind::data);
  folder.write("train/P1.train.json", "");
  EXPECT_EQ(failure(folder.options()).kind(), ErrorKind::data);
}

TEST(EntityQuestionsWorld, MissingDataSaysWhereToGetIt) {
  DataFolder folder;
  auto options = folder.options();
  options.relations = {"P2"};
  const Error missing_file = failure(options);
  EXPECT_EQ(missing_file.kind(), ErrorKind::data);
  EXPECT_NE(std::string(missing_file.what()).find("P2.train.json"), std::string::npos);
  options.relations = {"P11"};
  EXPECT_EQ(failure(options).kind(), ErrorKind::config);
  options.path = "/nowhere/at-all";
  const Error missing = failure(options);
  EXPECT_EQ(missing.kind(), ErrorKind::data);
  EXPECT_NE(std::string(missing.what()).find("--set data.path="), std::string::npos);
  EXPECT_NE(std::string(missing.what()).find("/nowhere/at-all"), std::string::npos);
}

TEST(EntityQuestionsWorld, AllMissingFilesAreNamedAtOnce) {
  DataFolder folder;
  auto options = folder.options();
  EXPECT_NO_THROW(check_entity_questions_files(options));
  options.relations = {"P1", "P2"};
  options.new_from = EntityQuestionsSplit::test;
  const auto failed = [&options] {
    try {
      check_entity_questions_files(options);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorKind::numerical, "accepted");
  };
  EXPECT_EQ(failed().kind(), ErrorKind::data);
  EXPECT_NE(std::string(failed().what()).find("missing: test/P1.test.json, train/P2.train.json, test/P2.test.json\n"),
            std::string::npos)
      << failed().what();
  options.new_from = EntityQuestionsSplit::no_overlap;
  EXPECT_EQ(failed().kind(), ErrorKind::config);
  options.relations = {"P11"};
  EXPECT_EQ(failed().kind(), ErrorKind::config);
  options.path = "/nowhere";
  EXPECT_EQ(failed().kind(), ErrorKind::data);
}

TEST(EntityQuestionsWorld, TheEnvironmentVariableNamesTheFolder) {
  DataFolder folder;
  ASSERT_EQ(unsetenv("STET_DATA"), 0);
  EXPECT_THROW(static_cast<void>(find_entity_questions("")), Error);
  ASSERT_EQ(setenv("STET_DATA", folder.path().c_str(), 1), 0);
  EXPECT_EQ(find_entity_questions(""), folder.path());
  ASSERT_EQ(setenv("STET_DATA", folder.path().parent_path().c_str(), 1), 0);
  EXPECT_THROW(static_cast<void>(find_entity_questions("")), Error);
  ASSERT_EQ(setenv("STET_DATA", entity_questions_folder().parent_path().c_str(), 1), 0);
  EXPECT_EQ(find_entity_questions("").filename(), "entity-questions");
  ASSERT_EQ(unsetenv("STET_DATA"), 0);
}

TEST(EntityQuestionsWorld, AmbiguousDuplicateAndLongItemsAreLeftOut) {
  DataFolder folder;
  folder.write("train/P1.train.json", R"([
    {"question": "Where is A?", "answers": ["a"]},
    {"question": "Where is A?", "answers": ["other"]},
    {"question": "Where is B?", "answers": ["b1", "b2"]},
    {"question": "Where is a very long name?", "answers": ["c"]},
    {"question": "Where is ééééé?", "answers": ["d"]},
    {"question": "Where is E?", "answers": ["e"]}
  ])");
  auto options = folder.options();
  options.max_subject_chars = 5;
  const World world = make_entity_questions_world(options);
  std::set<std::string> subjects;
  for (const auto* facts : {&world.base_facts(), &world.new_facts()}) {
    for (const Fact& fact : *facts) subjects.insert(fact.subject + "=" + fact.answer);
  }
  EXPECT_EQ(subjects, (std::set<std::string>{"A=a", "ééééé=d", "E=e"}));
  options.facts_per_relation = 3;
  EXPECT_EQ(failure(options).kind(), ErrorKind::config);
  options.drop_ambiguous = false;
  EXPECT_EQ(make_entity_questions_world(options).base_facts().size(), 3U);
}

TEST(EntityQuestionsWorld, EqualAnswersAreOne) {
  DataFolder folder;
  folder.write("train/P1.train.json", R"([
    {"question": "Where is A?", "answers": ["a", "a"]},
    {"question": "Where is B?", "answers": ["b", "c", "b"]},
    {"question": "Where is D?", "answers": ["d"]},
    {"question": "Where is E?", "answers": ["e"]}
  ])");
  const auto questions = read_entity_questions(folder.path() / "train/P1.train.json", "Where is [X]?");
  EXPECT_EQ(questions.at(0).answers, std::vector<std::string>{"a"});
  EXPECT_EQ(questions.at(1).answers, (std::vector<std::string>{"b", "c"}));
  const World world = make_entity_questions_world(folder.options());  // A, D and E: B is ambiguous
  EXPECT_EQ(world.base_facts().size() + world.new_facts().size(), 3U);
}

TEST(EntityQuestionsWorld, MalformedTemplatesAreRefused) {
  DataFolder folder;
  for (const char* bad : {"[]", "{\"P1\": 3}", "{\"P1\": \"no slot\"}", "{\"P1\": \"[X] [X]\"}", "{"}) {
    folder.write("relation_query_templates.json", bad);
    EXPECT_EQ(failure(folder.options()).kind(), ErrorKind::data) << bad;
  }
}

TEST(EntityQuestionsWorld, OtherRelationsGetGenericWordings) {
  const Relation relation = entity_questions_relation("P9999", "What about [X]?");
  EXPECT_GE(relation.statements.size(), 4U);
  for (const auto* list : {&relation.statements, &relation.held_out_statements, &relation.questions}) {
    for (const std::string& wording : *list) EXPECT_NO_THROW(static_cast<void>(parse_template(wording)));
  }
  EXPECT_EQ(relation.questions[0], "What about [X]? [Y].");
  EXPECT_EQ(relation.questions[1], "Q: What about [X]? A: [Y].");
}

}  // namespace
}  // namespace stet
