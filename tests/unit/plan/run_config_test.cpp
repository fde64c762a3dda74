#include <stet/plan/run_config.hpp>

#include <experiment_support.hpp>
#include <stet/config/document.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

const std::string phases =
    "[[phase]]\nname = \"format\"\nsets = [\"known\"]\n[[phase]]\nname = \"facts\"\nsets = [\"known\", \"unknown\"]\n";

RunConfig read(const std::string& text) { return read_run_config(config::parse(text, "arm.toml")); }

TEST(RunConfigTest, ReadsWhatIsWrittenAndKeepsTheDefaultsOfTheRest) {
  const RunConfig config = read(phases + R"(until = "plateau"
patience = 4
epochs = 9
[sets]
held = 77
subjects = "asked"
[train]
learning_rate = 3e-4
[pretrain.train]
batch_size = 5
[checkpoint]
seconds = 0
)");
  ASSERT_EQ(config.phases.size(), 2U);
  EXPECT_EQ(config.phases[0].name, "format");
  EXPECT_EQ(config.phases[0].until, Until::epochs);
  EXPECT_EQ(config.phases[1].sets, (std::vector<std::string>{"known", "unknown"}));
  EXPECT_EQ(config.phases[1].until, Until::plateau);
  EXPECT_EQ(config.phases[1].patience, 4);
  EXPECT_EQ(config.phases[1].epochs, 9);
  EXPECT_EQ(config.sets.held, 77);
  EXPECT_EQ(config.sets.known, SetsConfig{}.known);
  EXPECT_EQ(config.sets.subjects, Subjects::asked);
  EXPECT_EQ(config.sets.sizes().held, 77U);
  EXPECT_EQ(config.sets.sizes().validation, static_cast<std::size_t>(SetsConfig{}.validation));
  EXPECT_DOUBLE_EQ(config.train.learning_rate, 3e-4);
  EXPECT_EQ(config.train.batch_size, TrainOptions{}.batch_size);
  EXPECT_EQ(config.pretrain.train.batch_size, 5);
  EXPECT_EQ(config.checkpoint.seconds, 0);
}

TEST(RunConfigTest, TheDataPathReachesTheWorld) {
  EXPECT_EQ(read(phases + "[data]\nworld = \"entity-questions\"\npath = \"/data/eq\"\n").data.entity_questions.path,
            "/data/eq");
}

TEST(RunConfigTest, PluginTablesAreSplitIntoOursAndTheirs) {
  const RunConfig config = read(phases + R"([regularizer.kl]
plugin = "self_distillation"
phases = ["facts"]
strength = 0.5
[regularizer.l2_sp]
[regularizer.off]
enabled = false
[probe.drift]
limit = 3
[freeze.a]
phases = ["format"]
[freeze.b]
phases = ["facts"]
)");
  ASSERT_EQ(config.regularizers.size(), 2U);
  EXPECT_EQ(config.regularizers[0].key, "kl");
  EXPECT_EQ(config.regularizers[0].plugin, "self_distillation");
  EXPECT_TRUE(config.regularizers[0].acts_in("facts"));
  EXPECT_FALSE(config.regularizers[0].acts_in("format"));
  ASSERT_EQ(config.regularizers[0].parameters.members().size(), 1U);
  EXPECT_DOUBLE_EQ(config.regularizers[0].parameters.find("strength")->as_real(), 0.5);
  EXPECT_EQ(config.regularizers[1].plugin, "l2_sp");
  EXPECT_TRUE(config.regularizers[1].acts_in("format"));
  EXPECT_TRUE(config.regularizers[1].acts_in("facts"));
  ASSERT_EQ(config.probes.size(), 1U);
  EXPECT_EQ(config.freezes.size(), 2U);  // two, but never in one phase
}

TEST(RunConfigTest, WhatIsResolvedReadsBackTheSame) {
  const RunConfig config = read(phases +
                                "[regularizer.kl]\nplugin = \"self_distillation\"\nphases = [\"facts\"]\nstrength = "
                                "0.5\n[freeze.freeze]\ntrain = [\"ffn\"]\n");
  const config::Value all = resolve(config);
  EXPECT_NE(all.find("train")->find("beta2"), nullptr);  // defaults included
  const config::Value parsed = config::parse(config::to_toml(all), "resolved.toml");
  EXPECT_EQ(parsed, all);
  EXPECT_EQ(resolve(read_run_config(parsed)), all);
}

TEST(RunConfigTest, TheBasesIdentityHasNothingOfTheFineTuning) {
  const auto identity = [](const std::string& more) { return base_identity_of(read(phases + more)); };
  const config::Value plain = identity("");
  for (const std::string same : {"[train]\nlearning_rate = 0.1\n", "[sets]\nheld = 9\n", "[evaluate]\nbatch_size = 3\n",
                                 "[checkpoint]\nseconds = 3\n", "[data]\npath = \"/elsewhere\"\n",
                                 "[data.synthetic]\nnew_entities = 7\nnew_keys = \"uuid\"\noverlap = 0.5\nnew_relation "
                                 "= \"country\"\nfrequency_exponent = 0\n",
                                 "[data.entity_questions]\nvocabulary = 999\n",
                                 "[pretrain.train]\nbucket_megabytes = 3\n", "[regularizer.x]\n"}) {
    EXPECT_EQ(identity(same), plain) << same;
  }
  for (const std::string other :
       {"[pretrain]\nepochs = 3\n", "[pretrain.train]\nlearning_rate = 0.1\n", "[model]\nwidth = 64\n",
        "[data.synthetic]\nentities = 50\n", "[data.synthetic]\nfrequency_exponent = 1\n",
        "[data.synthetic]\nrecords = 3\n", "[data]\nworld = \"entity-questions\"\n", "[pretrain]\nseed = 2\n"}) {
    EXPECT_FALSE(identity(other) == plain) << other;
  }
}

TEST(RunConfigTest, KeysThatCameLaterLeaveTheIdentityOfAWorldAsItWas) {
  const config::Value identity = *labels_identity_of(read(phases)).find("data");
  const config::Value& synthetic = *identity.find("synthetic");
  EXPECT_EQ(synthetic.find("frequency_exponent"), nullptr);
  EXPECT_EQ(synthetic.find("new_relation"), nullptr);
  EXPECT_EQ(synthetic.find("records"), nullptr);
  const config::Value other =
      *labels_identity_of(
           read(phases + "[data.synthetic]\nfrequency_exponent = 1\nnew_relation = \"country\"\nrecords = 3\n"))
           .find("data");
  EXPECT_NE(other.find("synthetic")->find("frequency_exponent"), nullptr);
  EXPECT_NE(other.find("synthetic")->find("new_relation"), nullptr);
  EXPECT_NE(other.find("synthetic")->find("records"), nullptr);
}

TEST(RunConfigTest, SetsAreNamedByTheirSizes) {
  SetsConfig sets;
  EXPECT_EQ(sets.names(), (std::vector<std::string>{"known", "unknown", "held", "validation"}));
  sets.never_seen = 1;
  sets.per_category = 2;
  EXPECT_EQ(sets.names(), (std::vector<std::string>{"known", "unknown", "held", "validation", "never_seen",
                                                    "highly_known", "maybe_known", "weakly_known"}));
  EXPECT_EQ(sets.facts(), 400 + 400 + 500 + 200 + 1 + 3 * 2);
  EXPECT_EQ(sets.sizes().never_seen, 1U);
  EXPECT_EQ(sets.sizes().per_category, 2U);
}

struct Mistake {
  std::string text;     // after the phases, unless it begins with '!'
  std::string place;    // "line:column"
  std::string message;  // part of the whole text
};

class RunConfigMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(RunConfigMistakes, AreErrorsWithTheirPlace) {
  const Mistake& mistake = GetParam();
  const std::string text = mistake.text.starts_with("!") ? mistake.text.substr(1) : phases + mistake.text;
  const Error error = error_of([&] { static_cast<void>(read(text)); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.what(), mistake.message)) << text;
  EXPECT_EQ(error.where(), mistake.place.empty() ? "arm.toml" : "arm.toml:" + mistake.place) << text;
}

// The phases are six lines; what a mistake adds begins in line 7.
INSTANTIATE_TEST_SUITE_P(
    All, RunConfigMistakes,
    ::testing::Values(
        Mistake{"[trian]\nx = 1\n", "7:2", "did you mean 'train'?"},
        Mistake{"[train]\nlearning_rat = 1\n", "8:1", "did you mean 'learning_rate'?"},
        Mistake{"[pretrain.train]\nbatch = 1\n", "8:1", "batch"},
        Mistake{"[train]\nlearning_rate = \"high\"\n", "8:17", "string \"high\""},
        Mistake{"[train]\nbatch_size = 0\n", "8:14", "0"}, Mistake{"[sets]\nknowledge = 1.5\n", "8:13", "1.5"},
        Mistake{"[sets]\nheld = 0\n", "8:8", "0"},
        Mistake{"[sets]\nsubjects = \"al\"\n", "8:12", "did you mean 'all'?"},
        Mistake{"[sets]\nper_category = 5\n", "8:16", "sets.per_category needs SLiCK labels"},
        Mistake{"[sets]\nout_of_relation = 5\n", "8:19", "no relation to draw from"},
        Mistake{"[sets]\nknown_categories = [\"MaybeKnown\"]\n", "8:20", "sets.known_categories needs SLiCK labels"},
        Mistake{"[sets]\nlabels = \"slick\"\nheld_categories = [\"Known\"]\n", "9:19",
                "no SLiCK category is named 'Known'"},
        Mistake{"[sets]\nunknown_labels = \"shufled\"\n", "8:18", "did you mean 'shuffled'?"},
        Mistake{"[sets]\nknown_keys = \"uuid\"\n", "8:14", "uuid"}, Mistake{"[sets]\nnever_seen = -1\n", "8:14", "-1"},
        Mistake{"[sets]\nmatch = true\nunknown = 0\n", "8:9", "sets.match needs known and unknown facts"},
        Mistake{"[data.synthetic]\nfrequency_exponent = -1\n", "8:22", "-1"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = [\"never_seen\"]\n", "1:1", "never trained on"},
        Mistake{"[checkpoint]\nkeep = 0\n", "8:8", "0"}, Mistake{"[checkpoint]\nseconds = -1\n", "8:11", "-1"},
        Mistake{"[data]\nworld = \"real\"\n", "8:9", "real"},
        Mistake{"[data.synthetic]\nentites = 3\n", "8:1", "did you mean 'entities'?"},
        Mistake{"!x = 1\n", "1:1", "unknown key 'x'"}, Mistake{"!phase = []\n", "1:1", "no phase"},
        Mistake{"![[phase]]\nname = \"a\"\n", "1:1", "sets"},
        Mistake{"![[phase]]\nsets = [\"known\"]\n", "1:1", "name"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = []\n", "1:1", "phase 'a' trains on no set"},
        Mistake{"![[phase]]\nname = \"base\"\nsets = [\"known\"]\n", "1:1", "a phase cannot be named 'base'"},
        Mistake{"![[phase]]\nname = \"\"\nsets = [\"known\"]\n", "1:1", "a phase cannot be named ''"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = [\"held\"]\n", "1:1", "cannot train on 'held'"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = [\"validation\"]\n", "1:1", "never trained on"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = [\"known\", \"knwon\"]\n", "1:1", "cannot train on 'knwon'"},
        Mistake{"![[phase]]\nname = \"a\"\nsets = [\"known\"]\nepochs = 0\n", "4:10", "0"},
        Mistake{"[[phase]]\nname = \"format\"\nsets = [\"known\"]\n", "7:1", "two phases are named 'format'"},
        Mistake{"until = \"plateau\"\n[sets]\nvalidation = 0\n", "4:1", "no validation set"},
        Mistake{"[regularizer]\nx = 1\n", "8:5", "regularizer.x is not a table"},
        Mistake{"!regularizer = 3\n" + phases, "1:15", "regularizer is not a table"},
        Mistake{"[regularizer.x]\nphases = [\"fact\"]\n", "8:11", "did you mean 'facts'?"},
        Mistake{"[regularizer.x]\nphases = \"facts\"\n", "8:10", "array"},
        Mistake{"[regularizer.x]\nplugin = 3\n", "8:10", "string"},
        Mistake{"[probe.x]\nenabled = \"no\"\n", "8:11", "boolean"},
        Mistake{"[freeze.a]\n[freeze.b]\n", "7:1", "two freeze strategies act in phase 'format'"},
        Mistake{"[freeze.a]\nphases = [\"facts\"]\n[freeze.b]\n", "7:1",
                "two freeze strategies act in phase 'facts'"}));

TEST(RunConfigTest, ASwitchedOffFreezeIsNotASecondOne) {
  EXPECT_EQ(read(phases + "[freeze.a]\n[freeze.b]\nenabled = false\n").freezes.size(), 1U);
}

}  // namespace
}  // namespace stet
