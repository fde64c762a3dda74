#include <stet/world/facts/facts_world.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/base/strings.hpp>
#include <stet/world/answer_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace stet {
namespace {

constexpr const char* nameless = "questions";

std::string place_of(const OwnQuestion& question) {
  return fmt::format("{}:{}", question.file.substr(question.file.rfind('/') + 1), question.line);
}

/// What is left without repetitions and contradictions, and what to say of those.
std::vector<OwnQuestion> without_twins(std::vector<OwnQuestion> questions, std::vector<std::string>& notes) {
  std::map<std::string, std::vector<std::size_t>> alike;  // by the normalized question, in the order of the files
  for (std::size_t i = 0; i < questions.size(); ++i) {
    std::string key = squad_normalized(questions[i].question);
    alike[key.empty() ? questions[i].question : key].push_back(i);
  }
  std::vector<bool> out(questions.size(), false);
  std::size_t repeated = 0, contradictory = 0;
  std::string first_repeated, first_contradictory;
  for (const auto& [key, group] : alike) {
    if (group.size() == 1) continue;
    const auto answer = [&](std::size_t i) { return squad_normalized(questions[i].answers.front()); };
    const bool agree =
        std::all_of(group.begin(), group.end(), [&](std::size_t i) { return answer(i) == answer(group[0]); });
    std::size_t& count = agree ? repeated : contradictory;
    std::string& first = agree ? first_repeated : first_contradictory;
    if (first.empty()) first = place_of(questions[group[0]]) + " and " + place_of(questions[group[1]]);
    for (std::size_t k = agree ? 1 : 0; k < group.size(); ++k) {
      out[group[k]] = true;
      ++count;
    }
  }
  const auto note = [&](std::size_t count, const char* why, const std::string& first) {
    if (count > 0)
      notes.push_back(fmt::format("{} of {} questions left out: {} (first {})", count, questions.size(), why, first));
  };
  note(repeated, "repetitions of others", first_repeated);
  note(contradictory, "the same question with different answers", first_contradictory);
  std::vector<OwnQuestion> kept;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!out[i]) kept.push_back(std::move(questions[i]));
  }
  return kept;
}

/// The question with [X] in place of its subject.
std::string form_of(const OwnQuestion& question) {
  if (question.subject.empty()) return "[X]";
  std::string form = question.question;
  return form.replace(form.find(question.subject), question.subject.size(), "[X]");
}

struct Group {
  std::vector<OwnQuestion> questions;
  std::set<std::string> forms;
};

void add_relation(const std::string& name, Group& group, const FactsOptions& options, WorldContent& world) {
  const bool one_form = group.forms.size() == 1;
  Relation relation;
  relation.name = name;
  relation.probe = (one_form ? *group.forms.begin() : "[X]") + " [Y]";
  relation.statements = {relation.probe};
  const auto index = static_cast<std::uint32_t>(world.relations.size());
  if (!one_form)
    world.notes.push_back(fmt::format(
        "relation '{}' is asked in {} forms: each question counts as a subject of its own", name, group.forms.size()));
  std::vector<Fact> facts;
  for (OwnQuestion& question : group.questions) {
    Fact fact;
    fact.relation = index;
    fact.subject = one_form && !question.subject.empty() ? question.subject : question.question;
    fact.answer = question.answers.front();
    fact.aliases.assign(std::next(question.answers.begin()), question.answers.end());
    fact.id = fact_id(name, fact.subject, fact.answer);
    facts.push_back(std::move(fact));
  }
  const std::size_t share =
      static_cast<std::size_t>(std::ceil(options.development * static_cast<double>(facts.size())));
  const std::size_t development =
      options.development > 0 ? std::min(std::max<std::size_t>(share, 8), facts.size() / 2) : 0;
  const KeyedPermutation order(facts.size(), options.seed, purpose_id("development"));
  std::vector<bool> shown(facts.size(), false);
  for (std::size_t i = 0; i < development; ++i) shown[order(i)] = true;
  for (std::size_t i = 0; i < facts.size(); ++i)
    (shown[i] ? world.development_facts : world.base_facts).push_back(std::move(facts[i]));
  world.relations.push_back(std::move(relation));
}

}  // namespace

World make_facts_world(const FactsOptions& options) {
  std::vector<OwnQuestion> questions;
  for (const std::string& file : options.files) {
    for (OwnQuestion& question : read_own_questions(file)) questions.push_back(std::move(question));
  }
  WorldContent world;
  world.name = "facts";
  questions = without_twins(std::move(questions), world.notes);
  if (questions.empty()) {
    throw Error(ErrorKind::data, "no question is left: each one contradicts another")
        .at(join(options.files, ", "))
        .received(join(world.notes, "; "));
  }
  std::map<std::string, Group> groups;
  std::vector<std::string> order;
  for (OwnQuestion& question : questions) {
    std::string name = question.relation.empty() ? nameless : question.relation;
    const auto [group, added] = groups.try_emplace(name);
    if (added) order.push_back(std::move(name));
    group->second.forms.insert(form_of(question));
    group->second.questions.push_back(std::move(question));
  }
  for (const std::string& name : order) add_relation(name, groups.at(name), options, world);
  collect_answers(world);
  world.seed = options.seed;
  world.asked_fraction = world.question_share = world.neutral_share = 0;
  return World(std::move(world));
}

}  // namespace stet
