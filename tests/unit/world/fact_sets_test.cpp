#include <stet/base/error.hpp>
#include <stet/world/fact_sets.hpp>
#include <stet/world/synthetic_world.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace stet {
namespace {

World world() {
  SyntheticWorldOptions options;
  options.entities = 200;
  options.new_entities = 80;
  return make_synthetic_world(options);
}

/// A fact is eligible with a probability that depends on its relation, as SLiCK would find it.
std::vector<Fact> eligible(const World& w) {
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < w.base_facts().size(); ++i) {
    const Fact& fact = w.base_facts()[i];
    if ((i * 7919) % 10 < 9 - 2 * fact.relation) facts.push_back(fact);  // 90, 70, 50, 30 %
  }
  return facts;
}

TEST(FactSets, HaveTheirSizesAndShareNoSubject) {
  const World w = world();
  const auto facts = eligible(w);
  const auto sets = draw_sets(facts, w.new_facts(), {150, 150, 120, 40}, 3);
  ASSERT_EQ(sets.size(), 4U);
  const std::vector<std::string> names = {"known", "unknown", "held", "validation"};
  const std::vector<std::size_t> sizes = {150, 150, 120, 40};
  std::map<std::string, std::size_t> owner;
  std::set<std::uint64_t> ids, known_ids;
  for (const Fact& fact : facts) known_ids.insert(fact.id);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(sets[s].name, names[s]);
    EXPECT_EQ(sets[s].facts.size(), sizes[s]);
    for (const Fact& fact : sets[s].facts) {
      EXPECT_TRUE(ids.insert(fact.id).second);
      EXPECT_EQ(owner.emplace(fact.subject, s).first->second, s) << fact.subject;
      EXPECT_EQ(known_ids.contains(fact.id), s != 1);
    }
  }
}

TEST(FactSets, HaveTheRelationMixOfTheEligibleFacts) {
  const World w = world();
  const auto facts = eligible(w);
  std::map<std::uint32_t, double> share;
  for (const Fact& fact : facts) share[fact.relation] += 1.0 / static_cast<double>(facts.size());
  for (const FactSet& set : draw_sets(facts, w.new_facts(), {100, 100, 100, 40}, 1)) {
    std::map<std::uint32_t, double> count;
    for (const Fact& fact : set.facts) ++count[fact.relation];
    for (const auto& [relation, expected] : share) {
      // Largest remainders: less than one fact away.
      EXPECT_NEAR(count[relation], expected * static_cast<double>(set.facts.size()), 1.0) << set.name << relation;
    }
  }
}

TEST(FactSets, AreAFunctionOfTheSeed) {
  const World w = world();
  const auto facts = eligible(w);
  const auto a = draw_sets(facts, w.new_facts(), {50, 50, 50, 10}, 1),
             b = draw_sets(facts, w.new_facts(), {50, 50, 50, 10}, 1),
             c = draw_sets(facts, w.new_facts(), {50, 50, 50, 10}, 2);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(a[s].facts, b[s].facts);
    EXPECT_NE(a[s].facts, c[s].facts);
  }
}

TEST(FactSets, CanUseUpEverything) {
  const World w = world();  // 200 people x 4 and 80 x 4 facts
  const auto sets = draw_sets(w.base_facts(), w.new_facts(), {400, 320, 300, 100}, 9);
  std::size_t all = 0;
  for (const FactSet& set : sets) all += set.facts.size();
  EXPECT_EQ(all, 1120U);
}

TEST(FactSets, FillUpWhenTheMixCannotBeHad) {
  std::vector<Fact> known, fresh;
  for (std::uint64_t i = 0; i < 20; ++i)
    known.push_back({i + 1, static_cast<std::uint32_t>(i % 2), "k" + std::to_string(i), "a"});
  for (std::uint64_t i = 0; i < 10; ++i) fresh.push_back({i + 100, 1, "n" + std::to_string(i), "a"});
  const auto sets = draw_sets(known, fresh, {4, 10, 4, 2}, 1);  // new facts of one relation alone
  EXPECT_EQ(sets[1].facts.size(), 10U);
}

TEST(FactSets, UseTheRestOfSubjectsTakenInPart) {
  std::vector<Fact> known,
      held;  // known facts of one relation, held ones of two: the mix leaves half of each held subject behind
  std::uint64_t id = 0;
  for (const char* subject : {"ann", "bob"}) known.push_back({++id, 0, subject, "x"});
  for (const char* subject : {"cid", "dan", "eve", "fay"}) {
    for (const std::uint32_t relation : {0U, 1U}) held.push_back({++id, relation, subject, "x"});
  }
  FactPools pools;
  pools.known = known;
  pools.held = held;
  SetSizes sizes{2, 0, 8, 0};
  const auto sets = draw_sets(pools, sizes, 1);
  std::set<std::uint64_t> ids;
  for (const Fact& fact : sets[2].facts) ids.insert(fact.id);
  EXPECT_EQ(ids.size(), 8U);
  sizes.held = 9;
  EXPECT_THROW(static_cast<void>(draw_sets(pools, sizes, 1)), Error);
}

TEST(FactSets, LeaveOutNewFactsAboutDrawnSubjects) {
  std::vector<Fact> known = {{1, 0, "ann", "x"}, {2, 0, "bob", "x"}}, fresh = {{3, 1, "ann", "y"}, {4, 1, "cid", "y"}};
  const auto sets = draw_sets(known, fresh, {2, 1, 0, 0}, 1);
  EXPECT_EQ(sets[1].facts[0].subject, "cid");
  EXPECT_THROW(static_cast<void>(draw_sets(known, fresh, {2, 2, 0, 0}, 1)), Error);
}

TEST(FactSets, FurtherSetsAreDisjointAndLeaveTheFirstFourAsTheyWere) {
  const World w = world();
  std::vector<Fact> known, out;
  for (const Fact& fact : w.base_facts()) (fact.relation == 3 ? out : known).push_back(fact);
  FactPools pools;
  pools.known = pools.held = known;
  pools.fresh = w.new_facts();
  pools.out_of_relation = out;
  pools.categories = {{"highly_known", known}, {"maybe_known", known}};
  SetSizes sizes{100, 100, 90, 30};
  const auto plain = draw_sets(pools, sizes, 4);
  ASSERT_EQ(plain.size(), 4U);
  const auto simple = draw_sets(known, w.new_facts(), sizes, 4);
  sizes.never_seen = 60;
  sizes.out_of_relation = 25;
  const auto further = draw_sets(pools, sizes, 4);
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_EQ(further[s].facts, plain[s].facts);
    EXPECT_EQ(further[s].facts, simple[s].facts);
  }
  sizes.per_category = 20;
  const auto sets = draw_sets(pools, sizes, 4);
  const std::vector<std::pair<std::string, std::size_t>> expected = {
      {"known", 100},     {"unknown", 100},        {"held", 90},         {"validation", 30},
      {"never_seen", 60}, {"out_of_relation", 25}, {"highly_known", 20}, {"maybe_known", 20}};
  ASSERT_EQ(sets.size(), expected.size());
  std::map<std::string, std::size_t> owner;
  for (std::size_t s = 0; s < sets.size(); ++s) {
    EXPECT_EQ(sets[s].name, expected[s].first);
    EXPECT_EQ(sets[s].facts.size(), expected[s].second);
    for (const Fact& fact : sets[s].facts) {
      EXPECT_EQ(fact.relation == 3, s == 5 || (fact.relation == 3 && (s == 1 || s == 4))) << sets[s].name;
      EXPECT_EQ(owner.emplace(fact.subject, std::min<std::size_t>(s, 6)).first->second, std::min<std::size_t>(s, 6));
    }
  }
}

TEST(FactSets, ArmsThatTrainOnOtherFactsAreAskedTheSameOfEachCategory) {
  const World w = world();
  std::vector<Fact> even, odd;
  for (const Fact& fact : w.base_facts()) (fact.id % 2 == 0 ? even : odd).push_back(fact);
  FactPools pools;
  pools.fresh = w.new_facts();
  pools.categories = {{"highly_known", even}, {"maybe_known", odd}};
  SetSizes sizes{60, 10, 20, 10};
  sizes.per_category = 24;
  std::vector<std::vector<FactSet>> arms;
  for (const auto* known : {&even, &odd}) {
    pools.known = *known;
    pools.held = even;
    arms.push_back(draw_sets(pools, sizes, 3));
  }
  EXPECT_NE(arms[0][0].facts, arms[1][0].facts);
  for (const std::size_t s : {4U, 5U}) {
    EXPECT_EQ(arms[0][s].facts.size(), 24U);
    EXPECT_EQ(arms[0][s].facts, arms[1][s].facts) << arms[0][s].name;
  }
}

TEST(FactSets, HeldFactsCanBeOfAnotherPoolThanKnownOnes) {
  const World w = world();
  std::vector<Fact> even, odd;
  for (const Fact& fact : w.base_facts()) (fact.id % 2 == 0 ? even : odd).push_back(fact);
  FactPools pools;
  pools.known = even;
  pools.held = odd;
  pools.fresh = w.new_facts();
  const auto sets = draw_sets(pools, {80, 10, 70, 20}, 1);
  std::set<std::string> people;
  for (const Fact& fact : sets[0].facts) {
    EXPECT_EQ(fact.id % 2, 0U);
    people.insert(fact.subject);
  }
  for (const std::size_t s : {2U, 3U}) {
    for (const Fact& fact : sets[s].facts) {
      EXPECT_EQ(fact.id % 2, 1U);
      EXPECT_FALSE(people.contains(fact.subject));
    }
  }
}

/// Facts of one relation, `counts[a]` of them with answer a, every one of a subject of its own.
std::vector<Fact> with_answers(const std::string& name, const std::vector<std::size_t>& counts) {
  std::vector<Fact> facts;
  for (std::size_t a = 0; a < counts.size(); ++a) {
    for (std::size_t i = 0; i < counts[a]; ++i) {
      const std::string subject = name + std::to_string(a) + "-" + std::to_string(i);
      const std::string answer = "answer " + std::to_string(a);
      facts.push_back({fact_id("r", subject, answer), 0, subject, answer});
    }
  }
  return facts;
}

std::map<std::string, std::size_t> answers_of(const FactSet& set) {
  std::map<std::string, std::size_t> count;
  for (const Fact& fact : set.facts) ++count[fact.answer];
  return count;
}

TEST(FactSets, AreAlikeInTheirAnswersAndNoneHasTooManyOfOne) {
  // Half of what is known has one answer; what is new has others.
  const auto known = with_answers("k", {500, 200, 100, 100, 60, 40});
  const auto fresh = with_answers("n", {50, 200, 250, 150, 200, 150, 400});
  FactPools pools;
  pools.known = pools.held = known;
  pools.fresh = fresh;
  const auto plain = draw_sets(pools, {100, 100, 80, 40}, 5);
  EXPECT_GT(answers_of(plain[0])["answer 0"], 40U);
  const auto sets = draw_sets(pools, {100, 100, 80, 40}, 5, 0.3);
  ASSERT_EQ(sets.size(), 4U);
  // Rarest pool: 50/1400, 200/1400, 0.1, 0.1, 0.06, 0.04 = 0.0357, 0.143, 0.1, 0.1, 0.06, 0.04: scaled up by 1 / 0.479.
  const std::vector<std::size_t> expected = {7, 30, 21, 21, 13, 8};
  for (const FactSet& set : sets) {
    const auto count = answers_of(set);
    EXPECT_FALSE(count.contains("answer 6")) << "which no known fact has";
    for (std::size_t a = 0; a < expected.size(); ++a) {
      const double wanted = static_cast<double>(expected[a] * set.facts.size()) / 100;
      EXPECT_NEAR(static_cast<double>(count.at("answer " + std::to_string(a))), wanted, 1.01) << set.name << " " << a;
    }
  }
  EXPECT_EQ(answers_of(sets[0]), answers_of(sets[1])) << "known and unknown, of one size";
}

TEST(FactSets, OfLimitedAnswersSayWhatCannotBeHad) {
  const auto known = with_answers("k", {90, 5, 5}), fresh = with_answers("n", {60, 60, 60});
  FactPools pools;
  pools.known = pools.held = known;
  pools.fresh = fresh;
  const auto message = [&](const SetSizes& sizes, double share) -> std::string {
    try {
      static_cast<void>(draw_sets(pools, sizes, 1, share));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({10, 10, 2, 0}, 0.4), "");
  EXPECT_NE(message({10, 10, 2, 0}, 0.2).find("at most 0.2 of them with the same answer"), std::string::npos)
      << message({10, 10, 2, 0}, 0.2);
  EXPECT_NE(message({40, 10, 2, 0}, 0.4).find("the set \"known\""), std::string::npos) << message({40, 10, 2, 0}, 0.4);
}

TEST(FactSets, WhoseAnswersAreTheirOwnAreLimitedAlone) {
  // Capitals: no answer of a known fact is that of another; beside them a relation that is matched.
  auto known = with_answers("k", {300, 100, 100}), fresh = with_answers("n", {100, 100, 300});
  for (std::vector<Fact>* facts : {&known, &fresh}) {
    for (int i = 0; i < 250; ++i) {
      const std::string subject = (facts == &known ? "old" : "new") + std::to_string(i);
      facts->push_back({fact_id("c", subject, "capital of " + subject), 1, subject, "capital of " + subject});
    }
    for (int i = 0; i < 250; ++i)
      facts->push_back({fact_id("c", facts->front().subject + std::to_string(i), "Paris"), 1,
                        (facts == &known ? "P" : "Q") + std::to_string(i), "Paris"});
  }
  FactPools pools;
  pools.known = pools.held = known;
  pools.fresh = fresh;
  for (const FactSet& set : draw_sets(pools, {80, 80, 80, 0}, 3, 0.4)) {
    auto count = answers_of(set);
    EXPECT_EQ(std::count_if(set.facts.begin(), set.facts.end(), [](const Fact& f) { return f.relation == 1; }),
              static_cast<std::ptrdiff_t>(set.facts.size() / 2))
        << set.name;
    EXPECT_LE(count["Paris"], 32U);
    if (set.facts.empty()) continue;
    EXPECT_NEAR(static_cast<double>(count["answer 0"]), 13.3, 1.01) << set.name;
  }
}

TEST(FactSets, SayWhatIsMissing) {
  const World w = world();
  try {
    static_cast<void>(draw_sets(w.base_facts(), w.new_facts(), {600, 10, 500, 0}, 1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_NE(std::string(error.what()).find("500 held facts"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("only 200 eligible facts remain"), std::string::npos) << error.what();
  }
  EXPECT_THROW(static_cast<void>(draw_sets({}, w.new_facts(), {1, 0, 0, 0}, 1)), Error);
  EXPECT_THROW(static_cast<void>(draw_sets(w.base_facts(), {}, {1, 1, 0, 0}, 1)), Error);
  EXPECT_NO_THROW(static_cast<void>(draw_sets({}, {}, {0, 0, 0, 0}, 1)));
}

}  // namespace
}  // namespace stet
