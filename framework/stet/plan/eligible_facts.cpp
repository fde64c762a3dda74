#include <stet/plan/eligible_facts.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <algorithm>
#include <iterator>

namespace stet {

namespace {

/// Whether the sets draw on this fact's subject, by [sets] subjects.
bool wants(const World& world, const SetsConfig& sets, const Fact& fact) {
  return sets.subjects == Subjects::all || (sets.subjects == Subjects::asked) == world.asked(fact);
}

/// Facts that the base knows, by [sets] knowledge and subjects.
std::vector<Fact> known_facts(const World& world, const Recall& recall, const SetsConfig& sets) {
  std::vector<Fact> result;
  for (std::size_t i = 0; i < world.base_facts().size(); ++i) {
    const Fact& fact = world.base_facts()[i];
    const auto right = static_cast<double>(std::count(recall[i].begin(), recall[i].end(), true));
    const bool known = right >= sets.knowledge * static_cast<double>(recall[i].size()) - 1e-9;
    if (known && wants(world, sets, fact)) result.push_back(fact);
  }
  return result;
}

/// Base facts of one of the categories that the sets may draw on.
std::vector<Fact> in_categories(const World& world, const SetsConfig& sets, const KnowledgeLabels& labels,
                                const std::vector<KnowledgeCategory>& wanted) {
  std::vector<Fact> facts;
  for (const Fact& fact : world.base_facts()) {
    const auto label = labels.of.find(fact.id);
    const bool has =
        label != labels.of.end() && std::find(wanted.begin(), wanted.end(), label->second.category) != wanted.end();
    if (has && wants(world, sets, fact)) facts.push_back(fact);
  }
  return facts;
}

std::vector<KnowledgeCategory> parse(const std::vector<std::string>& names) {
  std::vector<KnowledgeCategory> categories;
  for (const std::string& name : names) categories.push_back(parse_knowledge_category(name).value());
  return categories;
}

/// [relation] whether [sets] holds it out.
std::vector<bool> held_out(const World& world, const SetsConfig& sets) {
  std::vector<std::string> names;
  for (const Relation& relation : world.relations()) names.push_back(relation.name);
  std::vector<bool> out(names.size(), false);
  for (const std::string& name : sets.held_out_relations) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw Error(ErrorKind::config, "sets.held_out_relations names no relation of the world")
          .expected(join(names, ", "))
          .received(name)
          .hint(suggestion(name, names));
    }
    out[static_cast<std::size_t>(found - names.begin())] = true;
  }
  return out;
}

}  // namespace

EligibleFacts eligible_facts(const World& world, const Recall& recall, const SetsConfig& sets,
                             const KnowledgeLabels* labels) {
  EligibleFacts facts;
  if (labels == nullptr) {
    facts.known = facts.held = known_facts(world, recall, sets);
    facts.fresh = world.new_facts();
    if (sets.labels == Labels::slick && facts.fresh.empty()) facts.fresh = facts.held;  // who asks has no labels yet
  } else {
    facts.known = in_categories(world, sets, *labels,
                                parse(sets.known_categories.empty() ? sets.categories : sets.known_categories));
    facts.held = in_categories(world, sets, *labels,
                               parse(sets.held_categories.empty() ? sets.categories : sets.held_categories));
    for (const auto& [name, category] :
         {std::pair<const char*, KnowledgeCategory>{"highly_known", KnowledgeCategory::highly_known},
          {"maybe_known", KnowledgeCategory::maybe_known},
          {"weakly_known", KnowledgeCategory::weakly_known}}) {
      facts.categories.emplace_back(name, in_categories(world, sets, *labels, {category}));
    }
    const bool one_pool = world.new_facts().empty();  // no fact is set apart as new: new is what the base does not know
    for (const Fact& fact : one_pool ? world.base_facts() : world.new_facts()) {
      const auto label = labels->of.find(fact.id);
      if (label != labels->of.end() && label->second.category == KnowledgeCategory::unknown)
        facts.fresh.push_back(fact);
    }
  }
  const std::vector<bool> out = held_out(world, sets);
  const auto is_out = [&out](const Fact& fact) { return out[fact.relation]; };
  std::copy_if(facts.held.begin(), facts.held.end(), std::back_inserter(facts.out_of_relation), is_out);
  if (!sets.held_out_known) std::erase_if(facts.known, is_out);
  for (std::vector<Fact>* pool : {&facts.held, &facts.fresh}) std::erase_if(*pool, is_out);
  for (auto& [name, pool] : facts.categories) std::erase_if(pool, is_out);
  return facts;
}

}  // namespace stet
