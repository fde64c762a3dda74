#include <fixtures_folder.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/world/entity_questions_file.hpp>
#include <stet/world/entity_questions_wordings.hpp>
#include <stet/world/entity_questions_world.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

namespace stet {
namespace {

std::string data() { return entity_questions_folder().string(); }

EntityQuestionsOptions small_questions() {
  EntityQuestionsOptions options;
  options.path = data();
  options.facts_per_relation = 300;
  options.new_per_relation = 80;
  options.vocabulary = 1500;
  return options;
}

TEST(EntityQuestions, EveryFileIsRead) {
  const auto templates = read_question_templates(data());
  std::size_t files = 0, questions = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(data()) / "train")) {
    const std::string property = entry.path().filename().string().substr(0, entry.path().filename().string().find('.'));
    ASSERT_TRUE(templates.contains(property)) << property;
    questions += read_entity_questions(entry.path(), templates.at(property)).size();
    ++files;
    const Relation relation = entity_questions_relation(property, templates.at(property));
    EXPECT_GE(relation.statements.size(), 4U);
    EXPECT_EQ(relation.held_out_statements.size(), 1U);
    EXPECT_EQ(relation.probe.find("value of"), std::string::npos) << property << " has no wordings of its own";
  }
  EXPECT_EQ(files, 24U);
  EXPECT_EQ(questions, on_reference_data() ? 176560U : 3825U);  // 176,560: as published
}

TEST(EntityQuestions, SubjectsAreWhatTheTemplateLeaves) {
  const bool published = on_reference_data();
  const auto items = read_entity_questions(std::filesystem::path(data()) / "train" / "P17.train.json",
                                           read_question_templates(data()).at("P17"));
  ASSERT_GT(items.size(), 5U);
  EXPECT_EQ(items[0].subject, published ? "Painblanc" : "Lake Bratestal");
  EXPECT_EQ(items[0].answers, std::vector<std::string>{published ? "France" : "Kehuga"});
  EXPECT_EQ(items[2].subject, published ? "Lac de Pierre-Percée" : "Homas-Tofan");
}

TEST(EntityQuestionsWorld, SplitsFactsBySubject) {
  const World world = make_entity_questions_world(small_questions());
  EXPECT_EQ(world.base_facts().size(), 1200U);
  EXPECT_EQ(world.new_facts().size(), 320U);
  std::map<std::uint32_t, int> base, fresh;
  std::set<std::string> old_subjects;
  std::set<std::uint64_t> ids;
  for (const Fact& fact : world.base_facts()) {
    ++base[fact.relation];
    old_subjects.insert(fact.subject);
    EXPECT_TRUE(ids.insert(fact.id).second);
    EXPECT_EQ(fact.id, fact_id(world.relations()[fact.relation].name, fact.subject, fact.answer));
  }
  for (const Fact& fact : world.new_facts()) {
    ++fresh[fact.relation];
    EXPECT_FALSE(old_subjects.contains(fact.subject)) << fact.subject;
    EXPECT_TRUE(ids.insert(fact.id).second);
  }
  for (std::uint32_t r = 0; r < 4; ++r) {
    EXPECT_EQ(base[r], 300);
    EXPECT_EQ(fresh[r], 80);
    EXPECT_EQ(world.relations()[r].name, small_questions().relations[r]);
  }
}

TEST(EntityQuestionsWorld, IsAFunctionOfItsOptions) {
  const World a = make_entity_questions_world(small_questions()), b = make_entity_questions_world(small_questions());
  EXPECT_EQ(a.base_facts(), b.base_facts());
  EXPECT_EQ(a.new_facts(), b.new_facts());
  EXPECT_EQ(a.make_tokenizer().hash(), b.make_tokenizer().hash());
  EXPECT_EQ(a.pretraining_example(2, 17).text(), b.pretraining_example(2, 17).text());
  auto other = small_questions();
  other.seed = 2;
  EXPECT_NE(make_entity_questions_world(other).base_facts(), a.base_facts());
}

TEST(EntityQuestionsWorld, RelationsThatShareAQuestionShareNoSubject) {
  auto options = small_questions();
  options.relations = {"P131", "P276"};  // both "Where is [X] located?"
  options.facts_per_relation = on_reference_data() ? 5000 : 60;
  options.new_per_relation = on_reference_data() ? 500 : 15;
  const World world = make_entity_questions_world(options);
  std::set<std::string> subjects;
  for (const auto* facts : {&world.base_facts(), &world.new_facts()}) {
    for (const Fact& fact : *facts) EXPECT_TRUE(subjects.insert(fact.subject).second) << fact.subject;
  }
}

// The fixed part of a probe, in the subject's place a word, is made of tokens that pre-training text has.
TEST(EntityQuestionsWorld, EveryProbeTokenOccursInPretrainingText) {
  auto options = small_questions();
  const auto templates = read_question_templates(data());
  options.relations.clear();
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(data()) / "train")) {
    const std::string file = entry.path().filename().string();
    options.relations.push_back(file.substr(0, file.find('.')));
  }
  std::sort(options.relations.begin(), options.relations.end());
  options.facts_per_relation = 60;
  options.new_per_relation = 10;
  options.asked_fraction = 0.0;
  const World world = make_entity_questions_world(options);
  const Tokenizer tokenizer = world.make_tokenizer();
  EXPECT_EQ(tokenizer.vocabulary_size(), 1500U);
  std::set<TokenId> trained;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    for (std::uint64_t i = 0; i < world.epoch_size(); ++i) {
      for (const TokenId id : tokenizer.encode(world.pretraining_example(epoch, i).text())) trained.insert(id);
    }
  }
  for (const Relation& relation : world.relations()) {
    const Fact& fact = *std::find_if(world.base_facts().begin(), world.base_facts().end(), [&](const Fact& f) {
      return world.relations()[f.relation].name == relation.name;
    });
    Fact plain = fact;
    plain.subject = "page";
    plain.answer = "page";
    for (const TokenId id : tokenizer.encode(render(relation.probe, plain).text())) {
      EXPECT_TRUE(trained.contains(id)) << relation.probe << ": " << tokenizer.token(id);
    }
  }
}

EntityQuestionsOptions from_two_splits(EntityQuestionsSplit new_from) {
  auto options = small_questions();
  options.relations = {"P19", "P170"};
  options.new_per_relation = 60;
  options.base_from = EntityQuestionsSplit::test;
  options.new_from = new_from;
  return options;
}

/// Share of the new facts whose subject has a word of some base fact's subject.
double share_with_old_words(const World& world) {
  const auto words_of = [](const std::string& text) {
    std::set<std::string> words;
    std::istringstream stream(text);
    for (std::string word; stream >> word;) words.insert(word);
    return words;
  };
  std::set<std::string> old;
  for (const Fact& fact : world.base_facts()) old.merge(words_of(fact.subject));
  const auto shares = [&](const Fact& fact) {
    const std::set<std::string> words = words_of(fact.subject);
    return std::any_of(words.begin(), words.end(), [&old](const std::string& word) { return old.contains(word); });
  };
  const auto found = std::count_if(world.new_facts().begin(), world.new_facts().end(), shares);
  return static_cast<double>(found) / static_cast<double>(world.new_facts().size());
}

TEST(EntityQuestionsWorld, BaseFactsDoNotDependOnTheSplitOfTheNewOnes) {
  const World near = make_entity_questions_world(from_two_splits(EntityQuestionsSplit::train));
  const World far = make_entity_questions_world(from_two_splits(EntityQuestionsSplit::no_overlap));
  EXPECT_EQ(near.base_facts(), far.base_facts());
  EXPECT_EQ(near.make_tokenizer().hash(), far.make_tokenizer().hash());
  for (std::size_t r = 0; r < 2; ++r) EXPECT_EQ(near.relations()[r].answers, far.relations()[r].answers);
  for (const World* world : {&near, &far}) {
    EXPECT_EQ(world->new_facts().size(), 120U);
    std::set<std::string> subjects;
    std::set<std::pair<std::uint32_t, std::string>> answers;
    for (const Fact& fact : world->base_facts()) {
      subjects.insert(fact.subject);
      answers.emplace(fact.relation, fact.answer);
    }
    for (const Fact& fact : world->new_facts()) {
      EXPECT_FALSE(subjects.contains(fact.subject)) << fact.subject;
      EXPECT_TRUE(answers.contains({fact.relation, fact.answer})) << fact.answer;
    }
  }
  EXPECT_GT(share_with_old_words(near), 0.3);
  EXPECT_LT(share_with_old_words(far), 0.1);
}

TEST(EntityQuestionsWorld, OnlyThreeRelationsHaveASplitWithoutOverlap) {
  auto options = from_two_splits(EntityQuestionsSplit::no_overlap);
  options.relations = {"P17"};
  try {
    static_cast<void>(make_entity_questions_world(options));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("P17"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("P159"), std::string::npos) << error.what();
  }
}

TEST(EntityQuestionsWorld, TooFewFactsSayWhich) {
  auto options = small_questions();
  const bool published = on_reference_data();
  options.relations = {"P17", "P800"};
  options.facts_per_relation = published ? 1300 : 250;
  options.new_per_relation = published ? 500 : 60;
  try {
    static_cast<void>(make_entity_questions_world(options));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("P800"), std::string::npos);
    EXPECT_NE(std::string(error.what())
                  .find(published ? "1300 base facts and 500 new facts" : "250 base facts and 60 new facts"),
              std::string::npos);
  }
}

/// A small data folder of our own.
class DataFolder {
 public:
  DataFolder() : path_(std::filesystem::path(::testing::TempDir()) / "stet-entity-questions") {
    std::filesystem::create_directories(path_ / "train");
    write("relation_query_templates.json", R"({"P1": "Where is [X]?", "P2": "Who is [X]?"})");
    write("train/P1.train.json", R"([{"question": "Where is A?", "answers": ["a"]}])");
  }
  ~DataFolder() { std::filesystem::remove_all(path_); }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  void write(const std::string& name, const std::string& text) { write_file_atomically(path_ / name, text); }
  [[nodiscard]] EntityQuestionsOptions options() const {
    EntityQuestionsOptions options;
    options.path = path_.string();
    options.relations = {"P1"};
    options.facts_per_relation = 2;
    options.new_per_relation = 1;
    options.vocabulary = 300;
    return options;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
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
