// Worlds made of EntityQuestions: their facts, splits and probes.
#include <fixtures_folder.hpp>
#include <stet/base/error.hpp>
#include <stet/world/entity_questions_facts.hpp>
#include <stet/world/entity_questions_file.hpp>
#include <stet/world/entity_questions_wordings.hpp>
#include <stet/world/entity_questions_world.hpp>

#include <gtest/gtest.h>

#include <algorithm>
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

// The rule by which Gekhman et al. 2024 (2405.05904) made their data, and their numbers of training facts.
TEST(EntityQuestionsFacts, WithoutTestSubjectsAsPublished) {
  const std::map<std::string, std::size_t> published = {{"P131", 7646}, {"P136", 7516}, {"P17", 7890},  {"P19", 7921},
                                                        {"P26", 7456},  {"P264", 7324}, {"P36", 6815},  {"P40", 6110},
                                                        {"P495", 7674}, {"P69", 6721},  {"P740", 7271}, {"P800", 1356}};
  const auto templates = read_question_templates(data());
  const std::filesystem::path folder = data();
  std::set<std::string> tested;
  for (const auto& [property, file] : entity_questions_tests(folder, templates)) {
    for (const EntityQuestion& q : read_entity_questions(file, templates.at(property))) tested.insert(q.subject);
  }
  ASSERT_FALSE(tested.empty());
  std::size_t left_out = 0;
  for (const auto& [property, count] : published) {
    EntityQuestionsOptions options = small_questions();
    options.relations = {property};
    std::vector<std::string> notes, none;
    const auto file = entity_questions_split(folder, property, EntityQuestionsSplit::train);
    std::size_t expected = 0;
    for (const EntityQuestion& q : read_entity_questions(file, templates.at(property))) {
      if (q.answers.size() > 1) continue;
      tested.contains(q.subject) ? ++left_out : ++expected;
    }
    static_cast<void>(read_usable_facts(options, folder, templates, EntityQuestionsSplit::train, none));
    EXPECT_TRUE(none.empty());
    options.without_test_subjects = true;
    for (const Fact& fact : read_usable_facts(options, folder, templates, EntityQuestionsSplit::train, notes))
      EXPECT_FALSE(tested.contains(fact.subject)) << fact.subject;
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find(std::to_string(expected) + " remain"), std::string::npos) << notes[0];
    EXPECT_EQ(expected, on_reference_data() ? count : expected) << property;
  }
  EXPECT_GT(left_out, 0U);
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

}  // namespace
}  // namespace stet
