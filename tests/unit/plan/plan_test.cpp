#include <stet/plan/plan.hpp>

#include <experiment_support.hpp>
#include <fixtures_folder.hpp>
#include <stet/config/document.hpp>

#include <algorithm>
#include <fstream>
#include <set>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

const std::string experiment = R"([experiment]
name = "small"
title = "A small one"
seeds = 3
base_models = 2
[data.synthetic]
entities = 50
[train]
learning_rate = 1e-3
[[phase]]
name = "facts"
sets = ["known", "unknown"]
[[arm]]
name = "sft"
label = "SFT"
[[arm]]
name = "kl"
label = "distilled"
[arm.regularizer.self_distillation]
strength = 0.5
[table]
title = "Small"
[[table.column]]
label = "Held"
set = "held"
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  STET_ASSERT(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

class PlanTest : public ::testing::Test {
 protected:
  Plan plan(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return make_plan(folder_.write("experiment.toml", text), overrides, registry_);
  }
  Plan with(const std::vector<std::string>& overrides) { return plan(experiment, overrides); }
  Error mistake(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return error_of([&] { static_cast<void>(plan(text, overrides)); });
  }
  static std::vector<std::string> identities(const Plan& plan) {
    std::vector<std::string> all;
    for (const PlannedRun& run : plan.runs) all.push_back(run.identity);
    return all;
  }

  testing::Folder folder_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*alone_, {STET_BINARY_DIR "/lib/stet-plugins"}};
};

TEST_F(PlanTest, HasARunForEveryArmAndSeedAndDealsBasesInTurn) {
  const Plan p = plan(experiment);
  EXPECT_EQ(p.name, "small");
  EXPECT_EQ(p.title, "A small one");
  EXPECT_EQ(p.arms, (std::vector<std::pair<std::string, std::string>>{{"sft", "SFT"}, {"kl", "distilled"}}));
  EXPECT_EQ(p.table.arms, p.arms);
  ASSERT_EQ(p.bases.size(), 2U);
  EXPECT_EQ(p.bases[0].index, 0);
  EXPECT_EQ(p.bases[1].index, 1);
  EXPECT_NE(p.bases[0].identity, p.bases[1].identity);
  ASSERT_EQ(p.runs.size(), 6U);
  std::set<std::string> different;
  for (std::size_t i = 0; i < 6; ++i) {
    const PlannedRun& run = p.runs[i];
    EXPECT_EQ(run.seed, i / 2 + 1);  // seeds outermost
    EXPECT_EQ(run.arm, i % 2 == 0 ? "sft" : "kl");
    EXPECT_EQ(run.base, (i / 2) % 2);  // shared between the arms of a seed
    EXPECT_EQ(run.folder_name(), run.arm + "-s" + std::to_string(run.seed) + "-" + run.identity.substr(0, 10));
    EXPECT_EQ(run.config.regularizers.size(), i % 2);
    different.insert(run.identity);
  }
  EXPECT_EQ(different.size(), 6U);
}

TEST_F(PlanTest, SweepPointsMultiply) {
  const Plan p = plan(experiment + "[sweep]\n\"train.learning_rate\" = [1e-3, 2e-3]\n\"sets.held\" = [5, 6, 7]\n");
  EXPECT_EQ(p.arms.size(), 2U * 2 * 3);
  EXPECT_EQ(p.runs.size(), 3U * 12);
  EXPECT_EQ(p.arms[0].first, "sft@train.learning_rate=0.001@sets.held=5");
  EXPECT_EQ(p.arms[0].second, "SFT, train.learning_rate = 0.001, sets.held = 5");
  EXPECT_EQ(p.arms[4].first, "sft@train.learning_rate=0.002@sets.held=6");
  EXPECT_DOUBLE_EQ(p.runs[4].config.train.learning_rate, 2e-3);
  EXPECT_EQ(p.runs[4].config.sets.held, 6);
  EXPECT_EQ(p.bases.size(), 2U);
  const std::vector<std::string> all = identities(p);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
}

TEST_F(PlanTest, AnArmsOwnSweepLeavesTheOthersAlone) {
  const Plan p = plan(replaced(
      experiment, "[table]", "[[arm]]\nname = \"slow\"\n[arm.sweep]\n\"train.learning_rate\" = [1e-5, 1e-6]\n[table]"));
  ASSERT_EQ(p.arms.size(), 4U);
  EXPECT_EQ(p.arms[1].first, "kl");
  EXPECT_EQ(p.arms[2].first, "slow@train.learning_rate=1e-05");
  EXPECT_EQ(p.arms[3].second, "slow, train.learning_rate = 1e-06");
  EXPECT_DOUBLE_EQ(p.runs[3].config.train.learning_rate, 1e-6);
}

TEST_F(PlanTest, ASweptModelHasItsOwnBases) {
  const Plan p = plan(experiment + "[sweep]\n\"model.width\" = [32, 64]\n");
  EXPECT_EQ(p.bases.size(), 4U);
  for (const PlannedRun& run : p.runs) {
    EXPECT_EQ(p.bases[run.base].config.model.width, run.config.model.width);
    EXPECT_EQ(p.bases[run.base].index, static_cast<std::int64_t>((run.seed - 1) % 2));
  }
}

TEST_F(PlanTest, ArmsWithOtherNewFactsShareTheBase) {
  const Plan p = plan(
      replaced(experiment, "[table]", "[[arm]]\nname = \"uuid\"\n[arm.data.synthetic]\nnew_keys = \"uuid\"\n[table]"));
  EXPECT_EQ(p.bases.size(), 2U);
  EXPECT_EQ(p.runs[2].arm, "uuid");
  EXPECT_NE(p.runs[2].identity, p.runs[0].identity);
  EXPECT_EQ(p.arms[2].second, "uuid");  // a label is the name if none is given
}

TEST_F(PlanTest, IdentitiesDoNotChangeWithWhatDoesNotMatter) {
  const Plan plain = plan(experiment);
  const auto expect_same = [&](const Plan& other, const std::string& what) {
    EXPECT_EQ(identities(other), identities(plain)) << what;
    for (std::size_t b = 0; b < 2; ++b) EXPECT_EQ(other.bases[b].identity, plain.bases[b].identity) << what;
  };
  expect_same(plan(experiment), "again");
  for (const std::string& text :
       {replaced(experiment, "label = \"SFT\"", "label = \"plain\""),
        replaced(experiment, "title = \"Small\"", "title = \"Big\""),
        replaced(experiment, "title = \"A small one\"\n", ""),
        replaced(experiment, "set = \"held\"", "set = \"known\""),
        replaced(experiment, "strength = 0.5", "strength = 0.5\ntemperature = 0.5"),  // the default, said
        replaced(experiment, "strength = 0.5", "plugin = \"self_distillation\"\nstrength = 0.5"),
        replaced(experiment, "[train]\n", "[train]\nbatch_size = 64\n"), "# a comment\n" + experiment}) {
    expect_same(plan(text), text);
  }
  for (const std::string assignment :
       {"checkpoint.seconds=0", "checkpoint.keep=5", "data.path=/somewhere", "data.entity_questions.path=/elsewhere",
        "data.entity_questions.vocabulary=500", "train.bucket_megabytes=4", "train.replica_check_steps=0",
        "pretrain.train.bucket_megabytes=4", "arm.sft.label=other", "experiment.name=other",
        "train.learning_rate=0.001", "table.title=other"}) {
    expect_same(with({assignment}), assignment);
  }
  expect_same(with({"arm.kl.regularizer.off.enabled=false"}), "a plugin that is switched off");
}

TEST_F(PlanTest, IdentitiesChangeWithWhatMatters) {
  const Plan plain = plan(experiment);
  std::set<std::string> seen;
  for (const std::string& identity : identities(plain)) seen.insert(identity);
  for (const std::string assignment : {"train.learning_rate=0.002",
                                       "train.batch_size=32",
                                       "train.micro_shards=4",
                                       "sets.seed=2",
                                       "sets.held=9",
                                       "sets.knowledge=0.5",
                                       "pretrain.seed=2",
                                       "pretrain.epochs=3",
                                       "pretrain.train.learning_rate=0.5",
                                       "model.width=64",
                                       "data.synthetic.entities=51",
                                       "data.synthetic.new_entities=11",
                                       "data.synthetic.seed=2",
                                       "data.synthetic.frequency_exponent=1.0",
                                       "data.synthetic.new_relation=country",
                                       "sets.never_seen=5",
                                       "sets.match=true",
                                       "sets.unknown_labels=idk",
                                       "sets.known_keys=suffix",
                                       "evaluate.every_epochs=2",
                                       "phase.facts.epochs=2",
                                       "phase.facts.until=plateau"}) {
    const Plan other = with({assignment});
    for (const std::string& identity : identities(other)) EXPECT_TRUE(seen.insert(identity).second) << assignment;
  }
}

TEST_F(PlanTest, APluginsParametersMatterToItsArmAlone) {
  const Plan plain = plan(experiment);
  for (const std::string parameter : {"strength=0.25", "temperature=2.0", "teacher=facts", "direction=reverse"}) {
    const Plan other = with({"arm.kl.regularizer.self_distillation." + parameter});
    for (std::size_t i = 0; i < plain.runs.size(); ++i) {
      EXPECT_EQ(other.runs[i].identity == plain.runs[i].identity, plain.runs[i].arm == "sft") << parameter;
    }
    for (std::size_t b = 0; b < 2; ++b) EXPECT_EQ(other.bases[b].identity, plain.bases[b].identity);
  }
  // What the identity is the hash of says everything, the plugin's version and defaults too.
  const config::Value& resolved = plain.runs[1].resolved;
  EXPECT_EQ(config::config_hash(resolved), plain.runs[1].identity);
  EXPECT_DOUBLE_EQ(
      resolved.find("config")->find("regularizer")->find("self_distillation")->find("temperature")->as_real(), 0.5);
  EXPECT_FALSE(resolved.find("plugins")->find("self_distillation")->find("version")->as_string().empty());
}

TEST_F(PlanTest, OverridesReachOneArmOrAll) {
  const Plan p = with({"train.learning_rate=5e-4", "arm.kl.train.learning_rate=7e-4", "experiment.seeds=1",
                       "arm.sft.label=\"Plain SFT\""});
  ASSERT_EQ(p.runs.size(), 2U);
  EXPECT_DOUBLE_EQ(p.runs[0].config.train.learning_rate, 5e-4);
  EXPECT_DOUBLE_EQ(p.runs[1].config.train.learning_rate, 7e-4);
  EXPECT_EQ(p.arms[0].second, "Plain SFT");
}

TEST_F(PlanTest, AFileMayStandOnAnother) {
  static_cast<void>(folder_.write("base.toml", experiment));
  const Plan p = plan("inherit = \"base.toml\"\n[train]\nlearning_rate = 0.5\n");
  EXPECT_EQ(p.runs.size(), 6U);
  EXPECT_DOUBLE_EQ(p.runs[0].config.train.learning_rate, 0.5);
}

TEST_F(PlanTest, MistakesAreErrorsWithTheirPlace) {
  const auto expect = [this](const std::string& text, const std::string& where, const std::string& part) {
    const Error error = mistake(text);
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_TRUE(has(error.where(), where)) << text;
    EXPECT_TRUE(has(error.what(), part));
  };
  const std::string file = "experiment.toml:";
  expect(replaced(experiment, "seeds = 3", "seds = 3"), file + "4:1", "did you mean 'seeds'?");
  expect(replaced(experiment, "seeds = 3", "seeds = 0"), file + "4:9", "0");
  expect(replaced(experiment, "name = \"small\"\n", ""), file + "1:", "name");
  expect(replaced(experiment, "\"small\"", "\"a/b\""), file + "1:", "plain folder name");
  expect(replaced(experiment, "\"small\"", "\"..\""), file + "1:", "plain folder name");
  expect(replaced(experiment, "\"small\"", "\"\""), file + "1:", "plain folder name");
  expect(replaced(experiment, "\"sft\"", "\"a/b\""), file + "14:8", "plain folder name");
  expect(replaced(experiment, "\"sft\"", "\"../sft\""), file + "14:8", "plain folder name");
  expect(replaced(experiment, "name = \"sft\"\n", ""), file + "13:", "an arm has no name");
  expect(replaced(experiment, "\"kl\"", "\"sft\""), file, "'sft'");
  expect(replaced(experiment, "learning_rate", "learning_rat"), file + "9:1", "did you mean 'learning_rate'?");
  expect(replaced(experiment, "strength", "strenth"), file + "20:1", "did you mean 'strength'?");
  expect(replaced(experiment, "strength = 0.5", "strength = -1"), file + "20:12", "-1");
  expect(replaced(experiment, "set = \"held\"", "set = \"hold\""), file, "did you mean 'held'?");
  expect(experiment + "[[table.compare]]\narm = \"kl\"\nbaseline = \"stf\"\nset = \"held\"\n", file + "28:12",
         "did you mean 'sft'?");
  expect(experiment + "[sweep]\n\"train.learning_rate\" = 3\n", file + "27:25", "is not a list of values");
  expect(experiment + "[sweep]\n\"train.learning_rate\" = []\n", file + "27:25", "is not a list of values");
  expect(experiment + "[sweep]\n\"train.learning_rat\" = [1.0]\n", file + "27:25", "did you mean 'learning_rate'?");
  std::string many = "[0";  // three such keys would be 8e9 arms
  for (int i = 1; i < 2000; ++i) many += ", " + std::to_string(i);
  expect(experiment + "[sweep]\n\"train.batch_size\" = " + many + "]\n", file + "27:", "more than 1000 arms");
  many = many.substr(0, many.find(", 40")) + "]\n";
  expect(experiment + "[sweep]\n\"train.batch_size\" = " + many + "\"sets.held\" = " + many,
         file + "28:", "more than 1000 arms");
  // Steps, their product, would not fit 64 bits.
  const std::string most = " = 9223372036854775807\n";
  expect(replaced(experiment, "[train]\n", "[train]\nbatch_size" + most), file + "9:14", "'train.batch_size'");
  expect(replaced(experiment, "[[arm]]\n", "epochs" + most + "[[arm]]\n"), file + "13:10", "'phase[0].epochs'");
  expect(experiment + "[pretrain]\nepochs" + most, file + "27:10", "'pretrain.epochs'");
  const std::size_t arm = experiment.find("[[arm]]"), table = experiment.find("[table]");
  expect(experiment.substr(0, arm) + experiment.substr(table), file, "no arm");
  expect(experiment.substr(0, table), file, "no [table]");
  expect(experiment.substr(experiment.find("[data")), file, "no [experiment]");
}

TEST_F(PlanTest, TheQuickstartsBasesAreThoseOfEarlierVersions) {
  const Plan p = make_plan(STET_SOURCE_DIR "/experiments/quickstart.toml", {}, registry_);
  ASSERT_EQ(p.bases.size(), 2U);
  EXPECT_EQ(p.bases[0].identity.substr(0, 10), "065dffa12a");
  EXPECT_EQ(p.bases[1].identity.substr(0, 10), "d251aa9307");
  EXPECT_EQ(p.runs.size(), 5 * report::least_seeds);  // five arms, and enough seeds for a verdict
}

TEST_F(PlanTest, APluginFromElsewhereIsKnownByItsBytes) {
  const Plan installed = plan(experiment);
  EXPECT_EQ(installed.runs[1].resolved.find("plugins")->find("self_distillation")->find("bytes"), nullptr);
  const std::filesystem::path source = STET_BINARY_DIR "/lib/stet-plugins/self_distillation.so";
  std::set<std::string> seen = {installed.runs[1].identity};
  for (const std::string more : {"", "x", "y"}) {  // the same version, other bytes
    const std::filesystem::path folder = folder_ / ("plugins" + more);
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(source, folder / "self_distillation.so");
    std::ofstream(folder / "self_distillation.so", std::ios::app | std::ios::binary) << more;
    const auto alone = make_single_process();
    PluginRegistry registry(*alone, {folder});
    const Plan other = make_plan(folder_ / "experiment.toml", {}, registry);
    EXPECT_TRUE(seen.insert(other.runs[1].identity).second) << more;
    EXPECT_EQ(other.runs[0].identity, installed.runs[0].identity);  // sft uses no plugin
    EXPECT_EQ(other.bases[0].identity, installed.bases[0].identity);
  }
}

TEST_F(PlanTest, DataIsKnownByItsContentAndNotByItsPlace) {
  const std::string text = replaced(experiment, "[data.synthetic]\nentities = 50\n",
                                    "[data]\nworld = \"entity-questions\"\n[data.entity_questions]\nrelations = "
                                    "[\"P19\", \"P170\"]\nnew_from = \"no-overlap\"\n");
  const auto on = [&](const std::string& folder) { return plan(text, {"data.path=" + (folder_ / folder).string()}); };
  for (const char* folder : {"one", "two"})
    std::filesystem::copy(entity_questions_folder(), folder_ / folder, std::filesystem::copy_options::recursive);
  const Plan one = on("one");
  EXPECT_EQ(identities(on("two")), identities(one));
  const auto append = [&](const std::string& file) { std::ofstream(folder_ / "two" / file, std::ios::app) << " "; };
  append("train/P50.train.json");  // of a relation that nobody asks for
  EXPECT_EQ(identities(on("two")), identities(one));
  append("no-overlap/P19/P19_no_overlap.train.json");  // new facts: the base stays
  const Plan fresh = on("two");
  EXPECT_EQ(fresh.bases[0].identity, one.bases[0].identity);
  for (std::size_t i = 0; i < one.runs.size(); ++i) EXPECT_NE(fresh.runs[i].identity, one.runs[i].identity);
  append("train/P170.train.json");
  EXPECT_NE(on("two").bases[0].identity, one.bases[0].identity);
  const Error error = error_of([&] { static_cast<void>(on("nowhere")); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.what(), "nowhere"));
}

TEST_F(PlanTest, ATableCanShowTheSetsThatEveryArmHas) {
  const std::string never_seen = replaced(experiment, "set = \"held\"", "set = \"never_seen\"");
  EXPECT_EQ(plan(never_seen, {"sets.never_seen=10"}).table.columns.at(0).set, "never_seen");
  EXPECT_TRUE(has(mistake(never_seen).what(), "never_seen"));
  EXPECT_TRUE(
      has(mistake(replaced(never_seen, "[arm.regularizer", "[arm.sets]\nnever_seen = 10\n[arm.regularizer")).what(),
          "never_seen"));
}

TEST_F(PlanTest, AMissingFileIsAConfigurationError) {
  const Error error = error_of([&] { static_cast<void>(make_plan(folder_ / "none.toml", {}, registry_)); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.what(), "none.toml"));
}

TEST_F(PlanTest, UnknownPluginsAreNamedWithWhereTheyWereLookedFor) {
  const Error error = mistake(replaced(experiment, "self_distillation", "self_distilation"));
  EXPECT_EQ(error.kind(), ErrorKind::plugin);
  EXPECT_TRUE(has(error.what(), "self_distilation"));
  EXPECT_TRUE(has(error.what(), "lib/stet-plugins"));
  EXPECT_EQ(mistake(replaced(experiment, "self_distillation", "freeze")).kind(),
            ErrorKind::plugin);  // it is no regularizer
}

TEST_F(PlanTest, NamesItsPluginFoldersRelativeToTheFile) {
  const auto absolute = folder_ / "abs";
  for (const auto& made : {folder_ / "mine", absolute}) std::filesystem::create_directory(made);
  const auto file = folder_.write(
      "experiment.toml", replaced(experiment, "seeds = 3", "plugins = [\"mine\", \"" + absolute.string() + "\"]"));
  EXPECT_EQ(plugin_folders(file), (std::vector<std::filesystem::path>{folder_ / "mine", absolute}));
  EXPECT_EQ(plugin_folders(file, {"experiment.plugins=[\"" + absolute.string() + "\"]"}),
            (std::vector<std::filesystem::path>{absolute}));
  EXPECT_EQ(plugin_folders(file, {"experiment.plugins=[\".\"]"}),
            (std::vector<std::filesystem::path>{"."}));  // of who types it
  EXPECT_TRUE(plugin_folders(folder_.write("plain.toml", experiment)).empty());
  const Error error = error_of([&] {
    static_cast<void>(
        plugin_folders(folder_.write("none.toml", replaced(experiment, "seeds = 3", "plugins = [\"none\"]"))));
  });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.where(), "none.toml:4:12"));
}

TEST_F(PlanTest, OverridesWinOverAnArmsOwnKeys) {
  const std::string own =
      replaced(experiment, "[arm.regularizer", "[arm.train]\nlearning_rate = 3e-3\n[arm.regularizer");
  EXPECT_DOUBLE_EQ(plan(own).runs[1].config.train.learning_rate, 3e-3);
  const Plan all = plan(own, {"arm.kl.train.clip=2.0", "train.learning_rate=5e-4", "train.clip=3.0"});
  EXPECT_DOUBLE_EQ(all.runs[0].config.train.learning_rate, 5e-4);
  EXPECT_DOUBLE_EQ(all.runs[1].config.train.learning_rate, 5e-4);
  EXPECT_DOUBLE_EQ(all.runs[0].config.train.clip, 3);
  EXPECT_DOUBLE_EQ(all.runs[1].config.train.clip, 2);  // an arm's name says more than none, wherever it stands
}

TEST_F(PlanTest, AnOverrideOfAPluginReachesTheArmsThatHaveIt) {
  const Plan some = with({"regularizer.self_distillation.strength=0.25"});
  EXPECT_TRUE(some.runs[0].config.regularizers.empty());
  ASSERT_EQ(some.runs[1].config.regularizers.size(), 1U);
  EXPECT_DOUBLE_EQ(some.runs[1].config.regularizers[0].parameters.find("strength")->as_real(), 0.25);
  const Plan all = with({"regularizer.l2_sp.strength=0.25"});  // no arm has it: all get it
  EXPECT_EQ(all.runs[0].config.regularizers.size(), 1U);
  EXPECT_EQ(all.runs[1].config.regularizers.size(), 2U);
}

TEST_F(PlanTest, AFolderNameStaysOneFolder) {
  const Plan p = plan(experiment + "[sweep]\n\"data.path\" = [\"/a/b\"]\n");
  EXPECT_EQ(p.runs[0].folder_name().find('/'), std::string::npos) << p.runs[0].folder_name();
}

}  // namespace
}  // namespace stet
