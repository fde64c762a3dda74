#include <stet/run/run_sets.hpp>

#include <experiment_support.hpp>
#include <stet/run/fact_covariates.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

/// A base with random weights that is said to know every fact.
class RunSetsTest : public ::testing::Test {
 protected:
  RunSetsTest() {
    run_.arm = "sft";
    run_.seed = 3;
    run_.config.data.synthetic.entities = 200;
    run_.config.data.synthetic.new_entities = 150;
    run_.config.data.synthetic.overlap = 0.5;
    SetsConfig& sets = run_.config.sets;
    sets.known = 60;
    sets.unknown = 60;
    sets.held = 60;
    sets.validation = 20;
    sets.subjects = Subjects::all;
  }

  /// Of the present options.
  const World& world() { return worlds_.of(run_.config); }
  BaseModel base() {
    ModelConfig& shape = run_.config.model;
    shape.width = 16;
    shape.layers = 1;
    shape.heads = 2;
    shape.feed_forward = 16;
    shape.context = 32;
    return untrained_base(world(), run_.config);
  }

  RunSets make(const BaseModel& base, const KnowledgeLabels* labels = nullptr) {
    return make_run_sets(run_, base, world(), labels, *alone_);
  }
  RunSets make() { return make(base()); }

  static const TokenizedSet& set(const RunSets& sets, std::string_view name) {
    const auto found =
        std::find_if(sets.sets.begin(), sets.sets.end(), [&name](const TokenizedSet& s) { return s.name == name; });
    STET_ASSERT(found != sets.sets.end());
    return *found;
  }
  static std::vector<std::string> names(const RunSets& sets) {
    std::vector<std::string> all;
    for (const TokenizedSet& s : sets.sets) all.push_back(s.name);
    return all;
  }

  PlannedRun run_;
  Worlds worlds_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
};

TEST_F(RunSetsTest, DeclaredSetsAreDrawnAndDisjoint) {
  run_.config.sets.never_seen = 40;
  run_.config.sets.out_of_relation = 30;
  run_.config.sets.held_out_relations = {"employer"};
  const BaseModel b = base();
  const RunSets sets = make(b);
  EXPECT_EQ(names(sets), run_.config.sets.names());
  EXPECT_EQ(names(sets),
            (std::vector<std::string>{"known", "unknown", "held", "validation", "never_seen", "out_of_relation"}));
  EXPECT_TRUE(sets.curation.empty());
  std::map<std::string, std::string> owner;
  std::set<std::uint64_t> examples;
  for (const TokenizedSet& s : sets.sets) {
    for (const Fact& fact : s.facts) {
      EXPECT_EQ(owner.emplace(fact.subject, s.name).first->second, s.name);
      EXPECT_EQ(world().relations()[fact.relation].name == "employer", s.name == "out_of_relation");
    }
    for (const TokenSequence& sequence : s.sequences) EXPECT_TRUE(examples.insert(sequence.example).second);
  }
  EXPECT_EQ(set(sets, "never_seen").facts.size(), 40U);
  EXPECT_EQ(set(sets, "out_of_relation").facts.size(), 30U);
}

TEST_F(RunSetsTest, KnownFactsMayBeOfAHeldOutRelation) {
  run_.config.sets.out_of_relation = 30;
  run_.config.sets.held_out_relations = {"employer"};
  run_.config.sets.held_out_known = true;
  const BaseModel b = base();
  const RunSets sets = make(b);
  std::map<std::string, std::size_t> employers;
  for (const TokenizedSet& s : sets.sets) {
    for (const Fact& fact : s.facts) employers[s.name] += world().relations()[fact.relation].name == "employer" ? 1 : 0;
  }
  EXPECT_GT(employers["known"], 0U);
  EXPECT_LT(employers["known"], set(sets, "known").facts.size());
  EXPECT_EQ(employers["out_of_relation"], 30U);
  EXPECT_EQ(employers["unknown"] + employers["held"] + employers["validation"], 0U);
}

TEST_F(RunSetsTest, AHeldOutRelationMustExist) {
  run_.config.sets.held_out_relations = {"employr"};
  const Error error = error_of([&] { static_cast<void>(make()); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.what(), "did you mean 'employer'?"));
}

TEST_F(RunSetsTest, CategoriesCanBeTrainedAndEvaluatedApart) {
  const BaseModel b = base();
  KnowledgeLabels labels;
  std::uint64_t i = 0;
  for (const Fact& fact : world().base_facts())
    labels.of[fact.id] = {fact.id, 0, 0, static_cast<KnowledgeCategory>(i++ % 4)};
  for (const Fact& fact : world().new_facts())
    labels.of[fact.id] = {fact.id, 0, 0, static_cast<KnowledgeCategory>(i++ % 2 == 0 ? 3 : 0)};
  run_.config.sets.labels = Labels::slick;
  run_.config.sets.known_categories = {"MaybeKnown", "Unknown"};
  run_.config.sets.held_categories = {"WeaklyKnown"};
  run_.config.sets.per_category = 10;
  run_.config.sets.known = 30;
  run_.config.sets.held = 30;
  run_.config.sets.validation = 5;
  const RunSets sets = make(b, &labels);
  const std::map<std::string, std::set<std::string_view>> expected = {
      {"known", {"MaybeKnown", "Unknown"}}, {"held", {"WeaklyKnown"}},
      {"validation", {"WeaklyKnown"}},      {"unknown", {"Unknown"}},
      {"highly_known", {"HighlyKnown"}},    {"maybe_known", {"MaybeKnown"}},
      {"weakly_known", {"WeaklyKnown"}}};
  EXPECT_EQ(sets.sets.size(), expected.size());
  std::set<std::string> drawn;  // subjects of the four sets
  for (const TokenizedSet& s : sets.sets) {
    for (const Fact& fact : s.facts) {
      EXPECT_TRUE(expected.at(s.name).contains(name_of(labels.of.at(fact.id).category))) << s.name;
      if (s.name.ends_with("ly_known") || s.name == "maybe_known") {
        EXPECT_FALSE(drawn.contains(fact.subject)) << s.name;
      } else {
        drawn.insert(fact.subject);
      }
    }
  }
  EXPECT_EQ(set(sets, "highly_known").facts.size(), 10U);
  EXPECT_EQ(set(sets, "weakly_known").facts.size(), 10U);
}

TEST_F(RunSetsTest, ControlsChangeAnswersAndKeysAlone) {
  const BaseModel b = base();
  const RunSets plain = make(b);
  run_.config.sets.unknown_labels = UnknownLabels::shuffled;
  run_.config.sets.known_keys = KnownKeys::suffix;
  const RunSets shuffled = make(b);
  run_.config.sets.unknown_labels = UnknownLabels::idk;
  const RunSets idk = make(b);
  const auto &facts = set(plain, "unknown").facts, &others = set(shuffled, "unknown").facts,
             &refused = set(idk, "unknown").facts;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    EXPECT_EQ(others[i].id, facts[i].id);
    EXPECT_EQ(refused[i].id, facts[i].id);
    EXPECT_NE(others[i].answer, facts[i].answer);
    EXPECT_EQ(refused[i].answer, "not known");
    for (const TokenId id : set(idk, "unknown").sequences[i].ids) EXPECT_NE(id, 0);  // 0: <unk>
  }
  const auto &known = set(plain, "known"), &suffixed = set(shuffled, "known");
  for (std::size_t i = 0; i < known.facts.size(); ++i) {
    EXPECT_TRUE(suffixed.facts[i].subject.starts_with(known.facts[i].subject + " "));
    EXPECT_EQ(suffixed.facts[i].answer, known.facts[i].answer);
    EXPECT_EQ(suffixed.sequences[i].ids.size(), known.sequences[i].ids.size() + key_length);
    EXPECT_EQ(suffixed.subject_end[i], known.subject_end[i] + static_cast<std::int32_t>(key_length));
  }
  EXPECT_EQ(set(plain, "held").facts, set(shuffled, "held").facts);
}

TEST_F(RunSetsTest, MatchedSetsHaveAnAccountAndTheirSizes) {
  run_.config.sets.match = true;
  run_.config.sets.never_seen = 40;
  const BaseModel b = base();
  const RunSets sets = make(b);
  EXPECT_EQ(set(sets, "held").facts.size(), 60U);
  EXPECT_EQ(set(sets, "unknown").facts.size(), 60U);
  std::map<std::string, std::string> owner;
  for (const TokenizedSet& s : sets.sets) {
    for (const Fact& fact : s.facts) EXPECT_EQ(owner.emplace(fact.subject, s.name).first->second, s.name);
  }
  for (const std::string part :
       {"60 held facts of ", "matched to 60 known facts", "60 unknown facts of ", "matched to 60 held facts",
        "| name length (tokens) | 0.000 | 0.000 |", "log-likelihood of the answer", "answer frequency"}) {
    EXPECT_TRUE(has(sets.curation, part));
  }
  EXPECT_EQ(make(b).curation, sets.curation);
  EXPECT_EQ(set(make(b), "unknown").facts, set(sets, "unknown").facts);
  // Known facts and held ones have the same number in every relation.
  std::map<std::uint32_t, int> difference;
  for (const Fact& fact : set(sets, "known").facts) ++difference[fact.relation];
  for (const Fact& fact : set(sets, "held").facts) --difference[fact.relation];
  for (const auto& [relation, count] : difference) EXPECT_EQ(count, 0);
}

TEST_F(RunSetsTest, MatchingBringsUnknownNamesNearToHeldOnes) {
  const BaseModel b = base();
  const auto gap = [&] {
    const RunSets sets = make(b);
    const auto mean = [&](const std::string& name) {
      const FactCovariates c = base_covariates(b, world(), set(sets, name).facts, *alone_);
      double sum = 0;
      for (const double value : c.log_frequency) sum += value / static_cast<double>(c.log_frequency.size());
      return sum;
    };
    return std::abs(mean("held") - mean("unknown"));
  };
  const double before = gap();  // half of the new names' tokens occur in no base fact
  run_.config.sets.match = true;
  EXPECT_LT(gap(), before / 2);
}

TEST_F(RunSetsTest, MatchingNeedsMoreCandidatesThanFacts) {
  run_.config.sets.match = true;
  run_.config.sets.unknown = 600;  // all that there are
  const Error error = error_of([&] { static_cast<void>(make()); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.what(), "the pool that unknown facts are matched from is too small"));
}

TEST_F(RunSetsTest, CovariatesAreWhatTheyAreCalled) {
  const BaseModel b = base();
  const RunSets sets = make(b);
  const TokenizedSet& held = set(sets, "held");
  const FactCovariates c = base_covariates(b, world(), held.facts, *alone_);
  const auto overlap = token_overlap(b.tokenizer, held.facts, set(sets, "unknown").facts);
  std::set<std::string> new_tokens;
  for (const Fact& fact : set(sets, "unknown").facts) {
    new_tokens.insert(fact.subject.substr(0, fact.subject.find(' ')));
    new_tokens.insert(fact.subject.substr(fact.subject.find(' ') + 1));
  }
  const SetScore scored = score(b.model, b.weights, held, *alone_);
  for (std::size_t i = 0; i < held.facts.size(); ++i) {
    const Fact& fact = held.facts[i];
    const std::string first = fact.subject.substr(0, fact.subject.find(' ')),
                      last = fact.subject.substr(fact.subject.find(' ') + 1);
    double with_first = 0, with_last = 0, same = 0, all = 0;
    for (const Fact& other : world().base_facts()) {
      with_first += (" " + other.subject + " ").find(" " + first + " ") != std::string::npos;
      with_last += (" " + other.subject + " ").find(" " + last + " ") != std::string::npos;
      all += other.relation == fact.relation;
      same += other.relation == fact.relation && other.answer == fact.answer;
    }
    EXPECT_EQ(c.name_length[i], 2);
    EXPECT_NEAR(c.log_frequency[i], (std::log(1 + with_first) + std::log(1 + with_last)) / 2, 1e-12);
    EXPECT_DOUBLE_EQ(c.answer_frequency[i], same / all);
    EXPECT_EQ(overlap[i],
              (static_cast<double>(new_tokens.contains(first)) + static_cast<double>(new_tokens.contains(last))) / 2);
    EXPECT_NEAR(std::exp(c.base_margin[i]), scored.probability[i], 1e-5 * scored.probability[i]);
    EXPECT_LT(c.name_likelihood[i], 0);
  }
  // Two tokens, each near 1/V under random weights.
  EXPECT_NEAR(c.name_likelihood[0], -2 * std::log(static_cast<double>(b.tokenizer.vocabulary_size())), 2.0);
  EXPECT_TRUE(base_covariates(b, world(), {}, *alone_).name_length.empty());
  for (const double value : token_overlap(b.tokenizer, held.facts, {})) EXPECT_EQ(value, 0);
}

TEST_F(RunSetsTest, CosinesAreOfMeanEmbeddings) {
  const BaseModel b = base();
  const std::vector<Fact> facts(world().base_facts().begin(), world().base_facts().begin() + 8);
  const std::vector<Fact> others = {world().new_facts()[0], facts[4]};
  const auto cosine = embedding_cosine(b, facts, others);
  for (std::size_t i = 4; i < 8; ++i) EXPECT_NEAR(cosine[i], 1.0, 1e-9);  // the second person is among the others
  const at::Tensor embedding =
      b.model.table()
          .view(b.weights, static_cast<std::size_t>(b.model.table().index_of("model.embed_tokens.weight")))
          .to(at::kDouble);
  const auto mean = [&](const Fact& fact) {
    at::Tensor sum = at::zeros({16}, at::kDouble);
    for (const TokenId id : b.tokenizer.encode(fact.subject)) sum += embedding[id] / 2;
    return sum;
  };
  double expected = -1;
  for (const Fact& other : others) {
    const at::Tensor x = mean(facts[0]), y = mean(other);
    expected = std::max(expected, (x.dot(y) / (x.norm() * y.norm())).item<double>());
  }
  EXPECT_NEAR(cosine[0], expected, 1e-9);
  EXPECT_EQ(embedding_cosine(b, facts, {}), std::vector<double>(8, 0.0));
}

TEST_F(RunSetsTest, CovariatesGoIntoTheOutcomesOfHeldAndUnknown) {
  const BaseModel b = base();
  const RunSets sets = make(b);
  report::OutcomeRecord outcomes;
  record_covariates(b, world(), sets.sets, *alone_, outcomes);
  ASSERT_EQ(outcomes.sets.size(), 2U);
  for (const std::string name : {"held", "unknown"}) {
    const auto& extra = outcomes.sets.at(name).extra;
    EXPECT_EQ(extra.size(), 6U);
    for (const std::string key :
         {"token_overlap", "log_frequency", "answer_frequency", "name_length", "base_margin", "embedding_cosine"}) {
      ASSERT_TRUE(extra.contains(key)) << key;
      EXPECT_EQ(extra.at(key).size(), 60U);
    }
  }
}

}  // namespace
}  // namespace stet
