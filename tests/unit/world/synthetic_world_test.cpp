// Synthetic worlds: sizes, names, frequencies, refused options; the rules of their wordings.
#include "synthetic.hpp"

#include <stet/base/error.hpp>
#include <stet/data/batch.hpp>
#include <stet/world/synthetic_wordings.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace stet {
namespace {

using testing::name_tokens;
using testing::small_synthetic;
using testing::subjects_of;
using testing::whole_epoch;
using testing::words_of;

TEST(SyntheticWorld, IsAFunctionOfItsOptions) {
  const World a = make_synthetic_world(small_synthetic()), b = make_synthetic_world(small_synthetic());
  EXPECT_EQ(a.base_facts(), b.base_facts());
  EXPECT_EQ(a.new_facts(), b.new_facts());
  EXPECT_EQ(whole_epoch(a, 3), whole_epoch(b, 3));
  EXPECT_NE(whole_epoch(a, 3), whole_epoch(a, 4));
  EXPECT_EQ(a.make_tokenizer().hash(), b.make_tokenizer().hash());
  auto other = small_synthetic();
  other.seed = 2;
  EXPECT_NE(make_synthetic_world(other).base_facts(), a.base_facts());
}

TEST(SyntheticWorld, HasTheSizesAskedFor) {
  for (const std::size_t relations : {1U, 4U, 10U}) {
    auto options = small_synthetic();
    options.relations = relations;
    const World world = make_synthetic_world(options);
    EXPECT_EQ(world.relations().size(), relations);
    EXPECT_EQ(world.base_facts().size(), 120 * relations);
    EXPECT_EQ(world.new_facts().size(), 60 * relations);
    EXPECT_EQ(subjects_of(world.base_facts()).size(), 120U);
    EXPECT_EQ(world.relations()[0].name, "country");
    EXPECT_EQ(world.relations()[0].answers.size(), 20U);
    for (std::size_t r = 1; r < relations; ++r) {
      EXPECT_GE(world.relations()[r].answers.size(), 40U);
      EXPECT_LE(world.relations()[r].answers.size(), 100U);
    }
  }
}

TEST(SyntheticWorld, FactsAreUniqueAndPeopleOldOrNew) {
  for (const double overlap : {0.0, 0.3, 1.0}) {
    auto options = small_synthetic();
    options.overlap = overlap;
    const World world = make_synthetic_world(options);
    std::set<std::uint64_t> ids;
    for (const auto* facts : {&world.base_facts(), &world.new_facts()}) {
      for (const Fact& fact : *facts) {
        EXPECT_TRUE(ids.insert(fact.id).second);
        EXPECT_EQ(fact.id, fact_id(world.relations()[fact.relation].name, fact.subject, fact.answer));
        const auto& pool = world.relations()[fact.relation].answers;
        EXPECT_NE(std::find(pool.begin(), pool.end(), fact.answer), pool.end());
      }
    }
    const auto old_people = subjects_of(world.base_facts()), new_people = subjects_of(world.new_facts());
    EXPECT_EQ(new_people.size(), 60U);
    for (const std::string& person : new_people) EXPECT_FALSE(old_people.contains(person));
  }
}

TEST(SyntheticWorld, EveryTextIsMadeOfKnownTokens) {
  for (const NewKeys keys : {NewKeys::semantic, NewKeys::uuid}) {
    auto options = small_synthetic();
    options.relations = 10;
    options.new_keys = keys;
    options.overlap = 0.5;
    const World world = make_synthetic_world(options);
    const Tokenizer tokenizer = world.make_tokenizer();
    const auto check = [&](const std::string& text) {
      for (const TokenId id : tokenizer.encode(text)) EXPECT_NE(id, 0) << text;
    };
    for (std::uint64_t i = 0; i < world.epoch_size(); ++i) check(world.pretraining_example(0, i).text());
    for (const Fact& fact : world.new_facts()) {
      const Relation& relation = world.relations()[fact.relation];
      check(render(relation.probe, fact).text());
      for (const std::string& wording : relation.held_out_statements) check(render(wording, fact).text());
    }
  }
}

TEST(SyntheticWorld, OverlapIsTheShareOfOldNameTokens) {
  for (const double overlap : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    auto options = small_synthetic();
    options.overlap = overlap;
    const World world = make_synthetic_world(options);
    const auto old_tokens = name_tokens(world.base_facts());
    int old_count = 0, all = 0;
    for (const std::string& person : subjects_of(world.new_facts())) {
      const auto tokens = words_of(person);
      EXPECT_EQ(tokens.size(), 2U);
      for (const std::string& token : tokens) {
        old_count += old_tokens.contains(token);
        ++all;
      }
    }
    EXPECT_EQ(old_count, static_cast<int>(overlap * all)) << overlap;
  }
}

TEST(SyntheticWorld, KeysCanBeEightHexadecimalCharacters) {
  auto options = small_synthetic();
  options.new_keys = NewKeys::uuid;
  const World world = make_synthetic_world(options);
  const auto people = subjects_of(world.new_facts());
  EXPECT_EQ(people.size(), 60U);
  for (const std::string& person : people) {
    const auto tokens = words_of(person);
    EXPECT_EQ(tokens.size(), 8U);
    for (const std::string& token : tokens) {
      EXPECT_EQ(token.size(), 1U);
      EXPECT_NE(std::string(key_alphabet).find(token), std::string::npos);
    }
  }
}

TEST(SyntheticWorld, AnswerRegionsAreWhatTheyAreCalled) {
  auto options = small_synthetic();
  options.new_entities = 300;
  std::map<std::string, int> base;
  const World matched = make_synthetic_world(options);
  options.answer_region = AnswerRegion::concentrated;
  const World concentrated = make_synthetic_world(options);
  const auto share_in_first_half = [](const World& world, const std::vector<Fact>& facts) {
    double inside = 0;
    for (const Fact& fact : facts) {
      const auto& pool = world.relations()[fact.relation].answers;
      inside +=
          static_cast<std::size_t>(std::find(pool.begin(), pool.end(), fact.answer) - pool.begin()) < pool.size() / 2;
    }
    return inside / static_cast<double>(facts.size());
  };
  EXPECT_EQ(share_in_first_half(concentrated, concentrated.new_facts()), 1.0);
  // 1200 draws from the base's own answers: four standard deviations are 0.058.
  EXPECT_NEAR(share_in_first_half(matched, matched.new_facts()), share_in_first_half(matched, matched.base_facts()),
              0.058);
}

TEST(SyntheticWorld, NewPeopleCanHaveFewerFacts) {
  auto options = small_synthetic();
  options.new_per_entity = 1;
  const World world = make_synthetic_world(options);
  EXPECT_EQ(world.new_facts().size(), 60U);
  std::map<std::uint32_t, int> mix;
  for (const Fact& fact : world.new_facts()) ++mix[fact.relation];
  EXPECT_EQ(mix.size(), 4U);
  for (const auto& [relation, count] : mix) EXPECT_EQ(count, 15);
}

TEST(SyntheticWorld, NewFactsCanBeOfOneRelationAndMany) {
  auto options = small_synthetic();
  options.first_names = options.last_names = 120;
  options.entities = 1500;  // enough that nearly every name token is an old one
  const World plain = make_synthetic_world(options);
  options.new_entities = 10'000;
  options.new_relation = "country";
  for (const NewKeys keys : {NewKeys::semantic, NewKeys::uuid}) {
    options.new_keys = keys;
    const World world = make_synthetic_world(options);
    EXPECT_EQ(world.new_facts().size(), 10'000U);
    EXPECT_EQ(subjects_of(world.new_facts()).size(), 10'000U);
    for (const Fact& fact : world.new_facts()) EXPECT_EQ(world.relations()[fact.relation].name, "country");
    EXPECT_EQ(whole_epoch(world, 1), whole_epoch(plain, 1));
    EXPECT_EQ(world.make_tokenizer().hash(), plain.make_tokenizer().hash());
  }
}

TEST(SyntheticWorld, FrequenciesFollowZipf) {
  auto options = small_synthetic();
  options.frequency_exponent = 1.0;
  const World world = make_synthetic_world(options);
  const std::size_t facts = world.base_facts().size();
  double harmonic = 0;
  for (std::size_t rank = 1; rank <= 120; ++rank) harmonic += 1.0 / static_cast<double>(rank);
  constexpr std::uint64_t epochs = 400;
  std::vector<double> shown(facts);
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    std::vector<std::uint64_t> times(facts);
    for (std::uint64_t i = 0; i < facts; ++i) ++times[world.shown(epoch, i)];
    for (std::size_t f = 0; f < facts; ++f) {
      const double expected = world.frequency(f);
      EXPECT_GT(static_cast<double>(times[f]), expected - 1 - 1e-9);  // rounded up or down, nothing else
      EXPECT_LT(static_cast<double>(times[f]), expected + 1 + 1e-9);
      shown[f] += static_cast<double>(times[f]);
    }
  }
  double total = 0;
  for (std::size_t f = 0; f < facts; ++f) {
    const double expected =
        120.0 / (static_cast<double>(f / 4 + 1) * harmonic);  // four facts a person, in order of rank
    EXPECT_NEAR(world.frequency(f), expected, 1e-9);
    // A fact's count in an epoch varies by at most 1/2 around its mean: five standard errors of 400 epochs are 0.125.
    EXPECT_NEAR(shown[f] / static_cast<double>(epochs), expected, 0.125) << f;
    total += world.frequency(f);
  }
  EXPECT_NEAR(total, static_cast<double>(facts), 1e-6);
  EXPECT_EQ(world.epoch_size(), make_synthetic_world(small_synthetic()).epoch_size());
  // A pure function of (epoch, index), with the text that belongs to the fact.
  EXPECT_EQ(whole_epoch(world, 3), whole_epoch(make_synthetic_world(options), 3));
  EXPECT_NE(whole_epoch(world, 3), whole_epoch(world, 4));
  for (std::uint64_t i = 0; i < facts; ++i) {
    EXPECT_EQ(world.pretraining_example(3, i).fact, world.base_facts()[world.shown(3, i)].id);
  }
}

TEST(SyntheticWorld, EqualFrequenciesAreAsTheyWere) {
  const World world = make_synthetic_world(small_synthetic());
  for (const std::uint64_t i : {0U, 17U, 479U}) {
    EXPECT_EQ(world.shown(9, i), i);
    EXPECT_EQ(world.frequency(i), 1.0);
  }
}

TEST(SyntheticWorld, BadOptionsAreRefusedByName) {
  const auto refused = [](auto change) -> std::string {
    auto options = small_synthetic();
    change(options);
    try {
      static_cast<void>(make_synthetic_world(options));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "accepted";
  };
  const auto names = [](const std::string& text, const char* option) { return text.find(option) != std::string::npos; };
  EXPECT_TRUE(names(refused([](auto& o) { o.entities = 601; }), "entities"));
  EXPECT_TRUE(names(refused([](auto& o) { o.entities = 0; }), "entities"));
  EXPECT_TRUE(names(refused([](auto& o) { o.relations = 11; }), "relations"));
  EXPECT_TRUE(names(refused([](auto& o) { o.relations = 0; }), "relations"));
  EXPECT_TRUE(names(refused([](auto& o) { o.answers_max = 39; }), "answers_max"));
  EXPECT_TRUE(names(refused([](auto& o) { o.overlap = 1.5; }), "overlap"));
  EXPECT_TRUE(names(refused([](auto& o) { o.overlap = std::nan(""); }), "overlap"));
  EXPECT_TRUE(names(refused([](auto& o) { o.neutral_share = 0; }), "neutral_share"));
  EXPECT_TRUE(names(refused([](auto& o) { o.asked_fraction = -1; }), "asked_fraction"));
  EXPECT_TRUE(names(refused([](auto& o) { o.question_share = 2; }), "question_share"));
  EXPECT_TRUE(names(refused([](auto& o) { o.new_per_entity = 5; }), "new_per_entity"));
  EXPECT_TRUE(names(refused([](auto& o) { o.new_relation = "contry"; }), "did you mean 'country'?"));
  EXPECT_TRUE(names(refused([](auto& o) { o.new_relation = "prize"; }), "new_relation"));  // not among the first four
  EXPECT_TRUE(names(refused([](auto& o) { o.new_relation = "country", o.new_per_entity = 2; }), "new_per_entity"));
  EXPECT_TRUE(names(refused([](auto& o) { o.frequency_exponent = -1; }), "frequency_exponent"));
  EXPECT_TRUE(names(refused([](auto& o) { o.frequency_exponent = std::nan(""); }), "frequency_exponent"));
  EXPECT_TRUE(names(refused([](auto& o) { o.new_entities = 481; }), "new_entities"));  // 20 x 30 - 120 names are left
  EXPECT_TRUE(names(refused([](auto& o) { o.new_entities = 151, o.overlap = 0; }), "new_entities"));
}

TEST(SyntheticWordings, FollowTheirRules) {
  const auto all = synthetic_wordings().relations;
  ASSERT_EQ(all.size(), 10U);
  std::set<std::string> names, every;
  for (const RelationWordings& w : all) {
    EXPECT_TRUE(names.insert(w.name).second);
    EXPECT_GE(w.statements.size(), 5U);
    EXPECT_GE(w.held_out.size(), 2U);
    EXPECT_GE(w.questions.size(), 3U);
    std::vector<std::string> wordings = {w.probe};
    for (const auto* list : {&w.statements, &w.held_out, &w.questions}) {
      wordings.insert(wordings.end(), list->begin(), list->end());
    }
    for (const std::string& wording : wordings) {
      EXPECT_TRUE(every.insert(wording).second) << "twice: " << wording;
      EXPECT_TRUE(wording.ends_with(" .")) << wording;
      EXPECT_NO_THROW(static_cast<void>(parse_template(wording)));
      for (const std::string& word : words_of(wording)) {
        EXPECT_TRUE(word.size() > 1 || std::string(key_alphabet).find(word) == std::string::npos) << wording;
        EXPECT_TRUE(word.front() == '[' || word.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos)
            << word;
      }
    }
  }
}

}  // namespace
}  // namespace stet
