#include <stet/world/entity_questions_world.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>
#include <stet/base/strings.hpp>
#include <stet/base/utf8.hpp>
#include <stet/world/entity_questions_facts.hpp>
#include <stet/world/entity_questions_file.hpp>
#include <stet/world/entity_questions_wordings.hpp>
#include <stet/world/synthetic_world.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace stet {
namespace {

void check(const EntityQuestionsOptions& o) {
  const auto require = [](bool condition, const char* option, const char* expected, const std::string& received) {
    if (condition) return;
    throw Error(ErrorKind::config, fmt::format("option \"{}\" of the EntityQuestions world is out of range", option))
        .expected(expected)
        .received(received);
  };
  require(!o.relations.empty(), "relations", "at least one property, such as \"P17\"", "none");
  std::unordered_set<std::string> seen;
  for (const std::string& relation : o.relations) {
    require(seen.insert(relation).second, "relations", "each property once", relation + " twice");
  }
  require(o.facts_per_relation > 0, "facts_per_relation", "at least 1", "0");
  require(o.max_subject_chars > 0, "max_subject_chars", "at least 1", "0");
  require(o.neutral_share > 0.0 && o.neutral_share <= 0.9, "neutral_share",
          "above 0, up to 0.9 (neutral lines show the words of the probes)", fmt::format("{}", o.neutral_share));
}

std::vector<Relation> make_relations(const EntityQuestionsOptions& o,
                                     const std::map<std::string, std::string>& templates,
                                     const std::filesystem::path& folder) {
  std::vector<std::string> known;
  for (const auto& [property, text] : templates) known.push_back(property);
  std::vector<Relation> relations;
  for (const std::string& property : o.relations) {
    const auto found = templates.find(property);
    if (found == templates.end()) {
      throw Error(known.empty() ? ErrorKind::data : ErrorKind::config,
                  fmt::format("EntityQuestions has no relation \"{}\"", property))
          .at((folder / "relation_query_templates.json").string())
          .expected("a template for it")
          .received(known.empty() ? "no relation at all" : join(known, ", "))
          .hint(
              "misspelt in data.entity_questions.relations, or the data is incomplete (the whole has 24 relations): "
              "fetch it again");
    }
    relations.push_back(entity_questions_relation(property, found->second));
  }
  return relations;
}

/// Goes through the subjects in order and takes their facts until every relation has `wanted`. A subject of which
/// anything is taken is used up.
std::vector<Fact> take_facts(const std::vector<std::vector<const Fact*>>& subjects, std::vector<bool>& used,
                             std::size_t wanted, std::size_t relations) {
  std::vector<std::vector<Fact>> taken(relations);
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (used[s]) continue;
    for (const Fact* fact : subjects[s]) {
      auto& list = taken[fact->relation];
      if (list.size() == wanted) continue;
      list.push_back(*fact);
      used[s] = true;
    }
  }
  std::vector<Fact> all;
  for (auto& list : taken) std::move(list.begin(), list.end(), std::back_inserter(all));
  return all;
}

/// Facts of one subject together, the subjects in an order drawn by the seed.
std::vector<std::vector<const Fact*>> by_subject(const EntityQuestionsOptions& o, const std::vector<Fact>& facts) {
  std::unordered_map<std::string_view, std::size_t> number;
  std::vector<std::vector<const Fact*>> groups, subjects;
  for (const Fact& fact : facts) {
    const auto [at, added] = number.emplace(fact.subject, groups.size());
    if (added) groups.emplace_back();
    groups[at->second].push_back(&fact);
  }
  if (groups.empty()) return subjects;
  const KeyedPermutation order(groups.size(), o.seed, purpose_id("split"));
  for (std::size_t i = 0; i < groups.size(); ++i) subjects.push_back(groups[order(i)]);
  return subjects;
}

/// Throws unless every relation got its facts. `usable`: the pools that they were taken from.
void check_sizes(const EntityQuestionsOptions& o, const WorldContent& world, std::span<const Fact> usable) {
  const auto count = [](std::span<const Fact> facts, std::size_t r) {
    return static_cast<std::size_t>(
        std::count_if(facts.begin(), facts.end(), [r](const Fact& fact) { return fact.relation == r; }));
  };
  for (std::size_t r = 0; r < world.relations.size(); ++r) {
    const std::size_t base = count(world.base_facts, r), fresh = count(world.new_facts, r);
    if (base == o.facts_per_relation && fresh == o.new_per_relation) continue;
    throw Error(ErrorKind::config,
                fmt::format("relation {} of EntityQuestions has too few facts", world.relations[r].name))
        .expected(fmt::format("{} base facts and {} new facts", o.facts_per_relation, o.new_per_relation))
        .received(fmt::format("{} usable facts, of which {} and {} could be placed without sharing subjects",
                              count(usable, r), base, fresh))
        .hint("lower facts_per_relation or new_per_relation, raise max_subject_chars, or leave the relation out");
  }
}

void split_one_pool(const EntityQuestionsOptions& o, const std::vector<Fact>& facts, WorldContent& world) {
  const auto subjects = by_subject(o, facts);
  std::vector<bool> used(subjects.size(), false);
  world.new_facts = take_facts(subjects, used, o.new_per_relation, world.relations.size());
  world.base_facts = take_facts(subjects, used, o.facts_per_relation, world.relations.size());
  check_sizes(o, world, facts);
}

void draw_from_two_pools(const EntityQuestionsOptions& o, std::vector<Fact> old_facts, std::vector<Fact> new_facts,
                         WorldContent& world) {
  const auto old_subjects = by_subject(o, old_facts);
  std::vector<bool> used(old_subjects.size(), false);
  world.base_facts = take_facts(old_subjects, used, o.facts_per_relation, world.relations.size());
  std::unordered_set<std::string_view> names;
  std::vector<std::unordered_set<std::string_view>> answers(world.relations.size());
  for (const Fact& fact : world.base_facts) {
    names.insert(fact.subject);
    answers[fact.relation].insert(fact.answer);
  }
  std::erase_if(new_facts, [&](const Fact& fact) {
    return names.contains(fact.subject) || !answers[fact.relation].contains(fact.answer);
  });
  const auto new_subjects = by_subject(o, new_facts);
  std::vector<bool> fresh(new_subjects.size(), false);
  world.new_facts = take_facts(new_subjects, fresh, o.new_per_relation, world.relations.size());
  std::move(new_facts.begin(), new_facts.end(), std::back_inserter(old_facts));
  check_sizes(o, world, old_facts);
}

/// One text for each base fact, the wordings in turn, and as many neutral lines as an epoch has.
std::vector<std::string> tokenizer_corpus(const WorldContent& world) {
  std::vector<std::string> corpus;
  for (std::size_t i = 0; i < world.base_facts.size(); ++i) {
    const Relation& relation = world.relations[world.base_facts[i].relation];
    const std::size_t turn = i % (relation.statements.size() + relation.questions.size());
    const std::string& wording = turn < relation.statements.size()
                                     ? relation.statements[turn]
                                     : relation.questions[turn - relation.statements.size()];
    corpus.push_back(render(wording, world.base_facts[i]).text());
  }
  const auto lines = static_cast<std::size_t>(static_cast<double>(corpus.size()) * world.neutral_share);
  for (std::size_t i = 0; i < std::max(lines, world.neutral.patterns.size()); ++i) {
    corpus.push_back(world.neutral.line(world.seed, i));
  }
  return corpus;
}

}  // namespace

void check_entity_questions_files(const EntityQuestionsOptions& o) {
  check(o);
  const std::filesystem::path folder = find_entity_questions(o.path);
  static_cast<void>(make_relations(o, read_question_templates(folder), folder));  // refuses unknown ones
  std::vector<std::filesystem::path> files;
  for (const std::string& property : o.relations) {
    files.push_back(entity_questions_split(folder, property, o.base_from));
    if (o.new_from != o.base_from) files.push_back(entity_questions_split(folder, property, o.new_from));
  }
  require_entity_questions_files(folder, files);
}

EntityQuestionsFiles entity_questions_files(const EntityQuestionsOptions& o) {
  check_entity_questions_files(o);
  EntityQuestionsFiles files{find_entity_questions(o.path), {"relation_query_templates.json"}, {}};
  const auto relative = [&files](const std::filesystem::path& file) { return file.lexically_relative(files.folder); };
  for (const std::string& property : o.relations)
    files.base.push_back(relative(entity_questions_split(files.folder, property, o.base_from)));
  if (o.without_test_subjects) {
    for (const auto& [property, file] : entity_questions_tests(files.folder, read_question_templates(files.folder))) {
      if (std::count(files.base.begin(), files.base.end(), relative(file)) == 0) files.base.push_back(relative(file));
    }
  }
  files.all = files.base;
  for (const std::string& property : o.relations) {
    if (o.new_from != o.base_from)
      files.all.push_back(relative(entity_questions_split(files.folder, property, o.new_from)));
    const std::filesystem::path development = files.folder / "dev" / (property + ".dev.json");
    if (std::filesystem::exists(development)) files.all.push_back(relative(development));
  }
  return files;
}

World make_entity_questions_world(const EntityQuestionsOptions& o) {
  check(o);
  WorldContent world;
  const std::filesystem::path folder = find_entity_questions(o.path);
  const std::map<std::string, std::string> templates = read_question_templates(folder);
  world.relations = make_relations(o, templates, folder);
  if (o.base_from == o.new_from) {
    split_one_pool(o, read_usable_facts(o, folder, templates, o.base_from, world.notes), world);
  } else {
    std::vector<Fact> new_facts = read_usable_facts(o, folder, templates, o.new_from, world.notes);
    draw_from_two_pools(o, read_usable_facts(o, folder, templates, o.base_from, world.notes), std::move(new_facts),
                        world);
  }
  world.development_facts = read_development_facts(o, folder, templates, world);
  collect_answers(world);
  world.name = "entity-questions";
  world.neutral.patterns = entity_questions_neutral_patterns(o.relations);
  world.neutral.alphabet = key_alphabet;
  world.seed = o.seed;
  world.asked_fraction = o.asked_fraction;
  world.question_share = o.question_share;
  world.neutral_share = o.neutral_share;
  world.tokenizer = TokenizerKind::byte_level_bpe;
  world.vocabulary_size = o.vocabulary;
  world.vocabulary_text = tokenizer_corpus(world);
  return World(std::move(world));
}

}  // namespace stet
