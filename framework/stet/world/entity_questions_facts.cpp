#include <stet/world/entity_questions_facts.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/world/entity_questions_file.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace stet {

namespace {

/// Of every question of the test split, whatever its relation and however many its answers.
std::unordered_set<std::string> test_subjects(const std::filesystem::path& folder,
                                              const std::map<std::string, std::string>& templates) {
  std::unordered_set<std::string> subjects;
  for (const auto& [property, file] : entity_questions_tests(folder, templates)) {
    for (EntityQuestion& q : read_entity_questions(file, templates.at(property))) subjects.insert(std::move(q.subject));
  }
  return subjects;
}

}  // namespace

std::filesystem::path entity_questions_split(const std::filesystem::path& folder, const std::string& property,
                                             EntityQuestionsSplit split) {
  switch (split) {
    case EntityQuestionsSplit::train: return folder / "train" / (property + ".train.json");
    case EntityQuestionsSplit::test: return folder / "test" / (property + ".test.json");
    case EntityQuestionsSplit::no_overlap: break;
  }
  const std::filesystem::path file = folder / "no-overlap" / property / (property + "_no_overlap.train.json");
  if (!std::filesystem::exists(file)) {
    throw Error(ErrorKind::config,
                fmt::format("EntityQuestions has no split without overlap for relation \"{}\"", property))
        .at(file.string())
        .hint("published are P19, P159 and P170");
  }
  return file;
}

std::map<std::string, std::filesystem::path> entity_questions_tests(
    const std::filesystem::path& folder, const std::map<std::string, std::string>& templates) {
  std::map<std::string, std::filesystem::path> files;
  for (const auto& [property, question] : templates) {
    const std::filesystem::path file = entity_questions_split(folder, property, EntityQuestionsSplit::test);
    if (std::filesystem::exists(file)) files.emplace(property, file);
  }
  return files;
}

std::vector<Fact> read_usable_facts(const EntityQuestionsOptions& o, const std::filesystem::path& folder,
                                    const std::map<std::string, std::string>& templates, EntityQuestionsSplit split,
                                    std::vector<std::string>& notes) {
  const bool curated = o.without_test_subjects && split != EntityQuestionsSplit::test;
  const std::unordered_set<std::string> tested =
      curated ? test_subjects(folder, templates) : std::unordered_set<std::string>();
  std::vector<Fact> facts;
  std::unordered_set<std::string> seen;
  for (std::uint32_t index = 0; index < o.relations.size(); ++index) {
    const std::string& property = o.relations[index];
    std::size_t questions = 0, ambiguous = 0, in_test = 0;
    const std::filesystem::path file = entity_questions_split(folder, property, split);
    for (EntityQuestion& q : read_entity_questions(file, templates.at(property))) {
      ++questions;
      if (o.drop_ambiguous && q.answers.size() > 1) {
        ++ambiguous;
        continue;
      }
      if (tested.contains(q.subject)) {
        ++in_test;
        continue;
      }
      if (count_code_points(q.subject) > o.max_subject_chars || !seen.insert(q.question).second) continue;
      const std::uint64_t id = fact_id(property, q.subject, q.answers[0]);
      Fact& fact = facts.emplace_back(Fact{id, index, std::move(q.subject), std::move(q.answers[0])});
      fact.aliases.assign(std::next(q.answers.begin()), q.answers.end());
    }
    if (curated) {
      notes.push_back(fmt::format(
          "{}: of {} questions {} with several answers and {} about subjects of the test split are left out, "
          "{} remain",
          file.filename().string(), questions, ambiguous, in_test, questions - ambiguous - in_test));
    }
  }
  return facts;
}

std::vector<Fact> read_development_facts(const EntityQuestionsOptions& o, const std::filesystem::path& folder,
                                         const std::map<std::string, std::string>& templates,
                                         const WorldContent& world) {
  std::unordered_set<std::string_view> used;
  for (const auto* facts : {&world.base_facts, &world.new_facts}) {
    for (const Fact& fact : *facts) used.insert(fact.subject);
  }
  std::vector<Fact> development;
  for (std::uint32_t r = 0; r < world.relations.size(); ++r) {
    const std::string& property = o.relations[r];
    const std::filesystem::path file = folder / "dev" / (property + ".dev.json");
    if (!std::filesystem::exists(file)) continue;
    for (EntityQuestion& q : read_entity_questions(file, templates.at(property))) {
      if (q.answers.size() > 1 || count_code_points(q.subject) > o.max_subject_chars || used.contains(q.subject))
        continue;
      const std::uint64_t id = fact_id(property, q.subject, q.answers[0]);
      development.push_back({id, r, std::move(q.subject), std::move(q.answers[0])});
    }
  }
  return development;
}

}  // namespace stet
