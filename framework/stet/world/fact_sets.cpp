#include <stet/world/fact_sets.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace stet {
namespace {

/// What a set has its mix of: relations (then the answer is empty), or answers within a relation.
using Stratum = std::pair<std::uint32_t, std::string_view>;
using Mix = std::map<Stratum, std::size_t>;  // to a number of facts, or a weight

Stratum stratum_of(const Fact& fact, const Mix& mix) {
  const Stratum relation{fact.relation, {}};
  return mix.contains(relation) ? relation : Stratum{fact.relation, fact.answer};
}

Mix count_relations(std::span<const Fact> facts) {
  Mix mix;
  for (const Fact& fact : facts) ++mix[{fact.relation, {}}];
  return mix;
}

/// Shares in proportion to `weights`, none above `limit`: what is cut off goes to the others. None if they are too few.
std::map<std::string_view, double> limited_shares(std::map<std::string_view, double> weights, double limit) {
  std::erase_if(weights, [](const auto& entry) { return entry.second <= 0; });
  if (static_cast<double>(weights.size()) * limit < 1) return {};
  std::map<std::string_view, double> shares;
  double left = 1;
  for (bool cut = true; cut;) {
    cut = false;
    double sum = 0;
    for (const auto& [answer, weight] : weights) sum += weight;
    for (auto at = weights.begin(); at != weights.end();) {
      if (at->second / sum * left <= limit) {
        ++at;
        continue;
      }
      shares[at->first] = limit;
      at = weights.erase(at);
      cut = true;
    }
    left = 1 - limit * static_cast<double>(shares.size());
    if (!cut) {
      for (const auto& [answer, weight] : weights) shares[answer] = weight / sum * left;
    }
  }
  return shares;
}

/// The mix that sets from all of these pools can have: relations as in the first, in each of them the answers as often
/// as in the pool where they are rarest, none above `limit`. Pools without facts of a relation do not count for it. A
/// relation with too few common answers for that is one stratum.
Mix common_mix(std::initializer_list<std::span<const Fact>> pools, double limit) {
  std::map<std::uint32_t, std::map<std::string_view, double>> weights;  // of the first pool's relations
  std::map<std::uint32_t, double> sizes;
  for (const Fact& fact : *pools.begin()) ++sizes[fact.relation], weights[fact.relation][fact.answer] = 1;
  for (const std::span<const Fact> pool : pools) {
    std::map<std::uint32_t, double> total;
    for (const Fact& fact : pool) ++total[fact.relation];
    std::map<Stratum, double> here;
    for (const Fact& fact : pool) ++here[{fact.relation, fact.answer}];
    for (auto& [relation, answers] : weights) {
      if (!total.contains(relation)) continue;
      for (auto& [answer, weight] : answers) {
        const auto found = here.find({relation, answer});
        weight = found == here.end() ? 0 : std::min(weight, found->second / total[relation]);
      }
    }
  }
  constexpr double unit = 1e6;  // shares as whole numbers
  Mix mix;
  for (const auto& [relation, answers] : weights) {
    const auto add = [&, relation = relation](std::string_view answer, double share) {
      mix[{relation, answer}] = static_cast<std::size_t>(std::llround(sizes[relation] * share * unit));
    };
    const std::map<std::string_view, double> shares = limited_shares(answers, limit);
    if (shares.empty()) add({}, 1);
    for (const auto& [answer, share] : shares) add(answer, share);
  }
  return mix;
}

/// `size` shared out in the proportions of `mix`: whole parts first, then one each to the largest remainders.
Mix apportion(const Mix& mix, std::size_t size) {
  std::size_t total = 0;
  for (const auto& [stratum, count] : mix) total += count;
  Mix quota;
  if (total == 0) return quota;
  std::vector<std::pair<std::size_t, Stratum>> remainders;
  std::size_t given = 0;
  for (const auto& [stratum, count] : mix) {
    const std::size_t share = size * count;
    given += quota[stratum] = share / total;
    remainders.emplace_back(share % total, stratum);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; given < size; ++i, ++given) ++quota[remainders[i].second];
  return quota;
}

/// Facts grouped by subject, the subjects in an order keyed by (seed, purpose).
class Pool {
 public:
  Pool(std::span<const Fact> facts, std::uint64_t seed, std::string_view purpose, double max_answer_share)
      : max_answer_share_(max_answer_share) {
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
          .hint(
              "ask for smaller sets, or make a larger world (of your own questions some are kept for few-shot prompts: "
              "data.facts.development)");
    }
    FactSet set{name, {}};
    Mix quota = apportion(mix, size);
    std::vector<const Fact*> rest;  // of subjects that were taken in part
    // Subjects that fit as a whole first; then subjects that fit in part; then, if the mix cannot be had, any.
    AnswerCount answers(max_answer_share_, size);
    for (const Pass pass : {Pass::whole, Pass::part, Pass::any}) {
      std::erase_if(groups_, [&](const auto& group) {
        if (set.facts.size() == size) return false;
        return take_subject(group, pass, size, quota, answers, set.facts, rest);
      });
    }
    for (std::size_t i = 0; set.facts.size() < size && i < rest.size(); ++i) {
      if (answers.take(*rest[i])) set.facts.push_back(*rest[i]);
    }
    if (set.facts.size() < size) {
      STET_ASSERT(limited());
      throw Error(ErrorKind::config, fmt::format("not enough facts with different answers for the set \"{}\"", name))
          .expected(
              fmt::format("{} {} facts, at most {:g} of them with the same answer", size, name, max_answer_share_))
          .received(fmt::format("{} that can be had so", set.facts.size()))
          .hint("raise sets.max_answer_share, ask for smaller sets, or make a larger world");
    }
    return set;
  }

 private:
  enum class Pass { whole, part, any };

  /// How many facts of a set have each answer, and whether one more may.
  class AnswerCount {
   public:
    AnswerCount(double share, std::size_t size)
        : limit_(share < 1 ? std::max<std::size_t>(1, whole(share * static_cast<double>(size))) : size) {}
    [[nodiscard]] bool take(const Fact& fact) {
      std::size_t& count = count_[fact.answer];
      if (count == limit_) return false;
      ++count;
      return true;
    }

   private:
    static std::size_t whole(double facts) { return static_cast<std::size_t>(std::ceil(facts - 1e-9)); }
    std::size_t limit_;
    std::unordered_map<std::string_view, std::size_t> count_;
  };

  [[nodiscard]] bool limited() const { return max_answer_share_ < 1; }

  bool take_subject(const std::vector<const Fact*>& group, Pass pass, std::size_t size, Mix& quota,
                    AnswerCount& answers, std::vector<Fact>& out, std::vector<const Fact*>& rest) const {
    if (pass == Pass::whole) {
      Mix need;
      for (const Fact* fact : group) ++need[stratum_of(*fact, quota)];
      for (const auto& [stratum, count] : need) {
        if (quota[stratum] < count) return false;
      }
    }
    bool taken = false;
    std::vector<const Fact*> left;
    for (const Fact* fact : group) {
      std::size_t& open = quota[stratum_of(*fact, quota)];
      if (out.size() == size || (open == 0 && pass != Pass::any) || !answers.take(*fact)) {
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

  double max_answer_share_;
  std::vector<std::vector<const Fact*>> groups_;
};

void add_subjects(const FactSet& set, std::unordered_set<std::string>& subjects) {
  for (const Fact& fact : set.facts) subjects.insert(fact.subject);
}

}  // namespace

std::vector<FactSet> draw_sets(const FactPools& pools, const SetSizes& sizes, std::uint64_t seed,
                               double max_answer_share) {
  const bool limited = max_answer_share < 1;
  const auto own_mix = [&](std::span<const Fact> facts) {
    return limited ? common_mix({facts}, max_answer_share) : count_relations(facts);
  };
  const auto make_pool = [&](std::span<const Fact> facts, std::string_view purpose) {
    return Pool(facts, seed, purpose, max_answer_share);
  };
  const Mix mix = limited && !pools.known.empty() ? common_mix({pools.known, pools.held, pools.fresh}, max_answer_share)
                                                  : own_mix(pools.known.empty() ? pools.fresh : pools.known);
  const Mix held_mix = pools.known.empty() ? own_mix(pools.held) : mix;
  std::unordered_set<std::string> used;
  Pool known = make_pool(pools.known, "known facts"), held = make_pool(pools.held, "known facts"),
       fresh = make_pool(pools.fresh, "new facts");
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
      categories.push_back(make_pool(facts, name).take(name, sizes.per_category, own_mix(facts), "such"));
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
    Pool pool = make_pool(pools.out_of_relation, "facts of held-out relations");
    sets.push_back(take(pool, "out_of_relation", sizes.out_of_relation, own_mix(pools.out_of_relation), "eligible"));
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
