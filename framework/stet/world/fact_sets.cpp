#include <stet/world/fact_sets.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace stet {
namespace {

using Mix = std::map<std::uint32_t, std::size_t>;  // relation to number of facts

Mix count_relations(std::span<const Fact> facts) {
  Mix mix;
  for (const Fact& fact : facts) ++mix[fact.relation];
  return mix;
}

/// `size` shared out in the proportions of `mix`: whole parts first, then one each to the largest remainders.
Mix apportion(const Mix& mix, std::size_t size) {
  std::size_t total = 0;
  for (const auto& [relation, count] : mix) total += count;
  Mix quota;
  if (total == 0) return quota;
  std::vector<std::pair<std::size_t, std::uint32_t>> remainders;
  std::size_t given = 0;
  for (const auto& [relation, count] : mix) {
    const std::size_t share = size * count;
    given += quota[relation] = share / total;
    remainders.emplace_back(share % total, relation);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; given < size; ++i, ++given) ++quota[remainders[i].second];
  return quota;
}

/// Facts grouped by subject, the subjects in an order keyed by (seed, purpose).
class Pool {
 public:
  Pool(std::span<const Fact> facts, std::uint64_t seed, std::string_view purpose) {
    std::unordered_map<std::string_view, std::size_t> group_of;
    std::vector<std::vector<const Fact*>> groups;
    std::unordered_set<std::uint64_t> seen;
    for (const Fact& fact : facts) {
      if (!seen.insert(fact.id).second) continue;
      const auto [at, added] = group_of.emplace(fact.subject, groups.size());
      if (added) groups.emplace_back();
      groups[at->second].push_back(&fact);
    }
    if (groups.empty()) return;
    const KeyedPermutation order(groups.size(), seed, purpose_id(purpose));
    for (std::size_t i = 0; i < groups.size(); ++i) groups_.push_back(std::move(groups[order(i)]));
  }

  void leave_out(const std::unordered_set<std::string>& subjects) {
    std::erase_if(groups_, [&](const auto& group) { return subjects.contains(group.front()->subject); });
  }

  [[nodiscard]] std::size_t facts() const {
    std::size_t count = 0;
    for (const auto& group : groups_) count += group.size();
    return count;
  }

  /// Takes `size` facts, as nearly as possible in the proportions of `mix`, and every subject they belong to.
  FactSet take(const std::string& name, std::size_t size, const Mix& mix, const char* kind) {
    if (facts() < size) {
      throw Error(ErrorKind::config, fmt::format("not enough facts for the set \"{}\"", name))
          .expected(fmt::format("{} {} facts", size, name))
          .received(fmt::format("only {} {} facts remain", facts(), kind))
          .hint("ask for smaller sets, or make a larger world");
    }
    FactSet set{name, {}};
    Mix quota = apportion(mix, size);
    std::vector<const Fact*> rest;  // of subjects that were taken in part
    // Subjects that fit as a whole first; then subjects that fit in part; then, if the mix cannot be had, any.
    for (const Pass pass : {Pass::whole, Pass::part, Pass::any}) {
      std::erase_if(groups_, [&](const auto& group) {
        if (set.facts.size() == size) return false;
        return take_subject(group, pass, size, quota, set.facts, rest);
      });
    }
    for (std::size_t i = 0; set.facts.size() < size && i < rest.size(); ++i) set.facts.push_back(*rest[i]);
    STET_ASSERT(set.facts.size() == size);
    return set;
  }

 private:
  enum class Pass { whole, part, any };

  static bool take_subject(const std::vector<const Fact*>& group, Pass pass, std::size_t size, Mix& quota,
                           std::vector<Fact>& out, std::vector<const Fact*>& rest) {
    if (pass == Pass::whole) {
      Mix need;
      for (const Fact* fact : group) ++need[fact->relation];
      for (const auto& [relation, count] : need) {
        if (quota[relation] < count) return false;
      }
    }
    bool taken = false;
    std::vector<const Fact*> left;
    for (const Fact* fact : group) {
      std::size_t& open = quota[fact->relation];
      if (out.size() == size || (open == 0 && pass != Pass::any)) {
        left.push_back(fact);
        continue;
      }
      if (open > 0) --open;
      out.push_back(*fact);
      taken = true;
    }
    if (taken) rest.insert(rest.end(), left.begin(), left.end());
    return taken;
  }

  std::vector<std::vector<const Fact*>> groups_;
};

void add_subjects(const FactSet& set, std::unordered_set<std::string>& subjects) {
  for (const Fact& fact : set.facts) subjects.insert(fact.subject);
}

}  // namespace

std::vector<FactSet> draw_sets(const FactPools& pools, const SetSizes& sizes, std::uint64_t seed) {
  const Mix mix = count_relations(pools.known.empty() ? pools.fresh : pools.known);
  const Mix held_mix = pools.known.empty() ? count_relations(pools.held) : mix;
  std::unordered_set<std::string> used;
  Pool known(pools.known, seed, "known facts"), held(pools.held, seed, "known facts"),
      fresh(pools.fresh, seed, "new facts");
  std::vector<FactSet> sets;
  const auto take = [&](Pool& pool, const std::string& name, std::size_t size, const Mix& wanted, const char* kind) {
    pool.leave_out(used);
    FactSet set = pool.take(name, size, wanted, kind);
    add_subjects(set, used);
    return set;
  };
  std::vector<FactSet> categories;
  if (sizes.per_category > 0) {
    for (const auto& [name, facts] : pools.categories) {
      categories.push_back(Pool(facts, seed, name).take(name, sizes.per_category, count_relations(facts), "such"));
    }
    for (const FactSet& set : categories) add_subjects(set, used);
  }
  sets.push_back(take(known, "known", sizes.known, mix, "eligible"));
  FactSet held_set = take(held, "held", sizes.held, held_mix, "eligible");
  FactSet validation_set = take(held, "validation", sizes.validation, held_mix, "eligible");
  sets.push_back(take(fresh, "unknown", sizes.unknown, mix, "new"));
  sets.push_back(std::move(held_set));
  sets.push_back(std::move(validation_set));
  if (sizes.never_seen > 0) sets.push_back(take(fresh, "never_seen", sizes.never_seen, mix, "new"));
  if (sizes.out_of_relation > 0) {
    Pool pool(pools.out_of_relation, seed, "facts of held-out relations");
    sets.push_back(
        take(pool, "out_of_relation", sizes.out_of_relation, count_relations(pools.out_of_relation), "eligible"));
  }
  for (FactSet& set : categories) sets.push_back(std::move(set));
  return sets;
}

std::vector<FactSet> draw_sets(std::span<const Fact> eligible_known, std::span<const Fact> new_facts,
                               const SetSizes& sizes, std::uint64_t seed) {
  FactPools pools;
  pools.known = pools.held = eligible_known;
  pools.fresh = new_facts;
  return draw_sets(pools, sizes, seed);
}

}  // namespace stet
