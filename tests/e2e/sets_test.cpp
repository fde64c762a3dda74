// Fact sets beyond the first four, controls and matched curation, through the program.
#include "program.hpp"

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/e2e/miniature.toml";

Words set_words(const Words& more) {
  Words words = {"run",    file,
                 "--jobs", "1",
                 "--set",  "experiment.seeds=1",
                 "--set",  "data.synthetic.entities=80",
                 "--set",  "data.synthetic.relations=3",
                 "--set",  "pretrain.epochs=3",
                 "--set",  "data.synthetic.new_entities=30"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(SetsTest, FurtherSetsAreEvaluatedAndMatchedSetsAccountedFor) {
  const Folder folder;
  const Outcome run =
      stet(folder.path(), set_words({"--set", "sets.never_seen=8", "--set", "sets.out_of_relation=8", "--set",
                                     "sets.held_out_relations=[\"employer\"]", "--set", "sets.match=true", "--set",
                                     "sets.unknown_labels=\"shuffled\"", "--set", "sets.known_keys=\"suffix\"", "--set",
                                     "data.synthetic.frequency_exponent=0.7"}));
  ASSERT_TRUE(ended_with(run, 0));
  const auto accounts = find_all(folder / "runs", "curation.md");
  ASSERT_EQ(accounts.size(), 5U);  // one for each arm
  EXPECT_TRUE(has(read(accounts[0]), "| covariate | SMD before | SMD after |  |"));
  const auto outcomes = find_all(folder / "runs", "outcomes.safetensors");
  ASSERT_EQ(outcomes.size(), 5U);
  for (const fs::path& path : outcomes) {
    const std::string header = read(path);
    for (const std::string name :
         {"never_seen.correct", "out_of_relation.probability", "never_seen.extra.confidence", "held.extra.entropy",
          "held.extra.token_overlap", "unknown.extra.base_margin", "held.extra.embedding_cosine",
          "held.extra.answer_frequency", "held.extra.name_length", "held.extra.log_frequency"}) {
      EXPECT_TRUE(contains(header, "\"" + name + "\"")) << name;
    }
  }
  const auto certificates = find_all(folder / "runs" / ".bases", "certification.md");
  ASSERT_EQ(certificates.size(), 1U);
  EXPECT_TRUE(has(read(certificates[0]), " bits a parameter ("));
}

TEST(SetsTest, AMatchingPoolThatIsTooSmallIsAConfigurationError) {
  const Folder folder;
  const Outcome run = stet(folder.path(), set_words({"--set", "sets.match=true", "--set", "sets.unknown=90"}));
  EXPECT_TRUE(ended_with(run, 2));
  EXPECT_TRUE(has(run.err, "the pool that unknown facts are matched from is too small"));
}

}  // namespace
}  // namespace stet::e2e
