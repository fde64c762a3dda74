// Results are made again when the data or the plugin file that they were made from has changed, and said; otherwise
// nothing is.
#include <fixtures_folder.hpp>
#include "program.hpp"

#include <fstream>

namespace stet::e2e {
namespace {

const std::string model_and_arm = R"([model]
width = 16
layers = 1
heads = 2
feed_forward = 32
context = 128
[[arm]]
name = "sft"
)";

const std::string common_tables = R"([pretrain]
epochs = 1
[sets]
known = 8
unknown = 8
held = 8
validation = 4
knowledge = 0.0
subjects = "all"
[[phase]]
name = "facts"
sets = ["known", "unknown"]
[table]
title = "Changed inputs"
[[table.column]]
label = "Held"
set = "held"
)";

class ChangedInputsTest : public ::testing::Test {
 protected:
  /// finished.json of bases and runs; each holds the moment at which its task ended.
  [[nodiscard]] std::map<std::string, std::string> finished() const {
    return files_named(folder_ / "runs", "finished.json");
  }
  static void expect_kept(const std::map<std::string, std::string>& earlier,
                          const std::map<std::string, std::string>& now) {
    for (const auto& [name, bytes] : earlier) EXPECT_EQ(now.at(name), bytes) << name;
  }

  Folder folder_;
};

TEST_F(ChangedInputsTest, ChangedDataIsTrainedOnAndTheSameDataElsewhereIsNot) {
  const std::string said =
      "data of 'entity-questions' changed since runs with these settings were finished: 1 run is made again";
  write(folder_ / "experiment.toml", R"([experiment]
name = "facts"
seeds = 1
[data]
world = "entity-questions"
[data.entity_questions]
relations = ["P17", "P36"]
facts_per_relation = 40
new_per_relation = 10
vocabulary = 300
)" + model_and_arm + common_tables);
  fs::copy(entity_questions_folder(), folder_ / "data", fs::copy_options::recursive);
  const auto words = [&](const std::string& command, const std::string& data) {
    return Words{command, "experiment.toml", "--set", "data.path=" + (folder_ / data).string()};
  };
  const Outcome start = stet(folder_.path(), words("run", "data"));
  ASSERT_TRUE(ended_with(start, 0));
  EXPECT_FALSE(contains(start.err, "changed since"));
  const auto first = finished();
  ASSERT_EQ(first.size(), 2U);

  fs::rename(folder_ / "data", folder_ / "moved");
  const Outcome moved = stet(folder_.path(), words("run", "moved"));
  EXPECT_TRUE(ended_with(moved, 0));
  EXPECT_FALSE(contains(moved.err, "changed since"));
  EXPECT_EQ(finished(), first);

  const fs::path file = folder_ / "moved/train/P36.train.json";
  write(file, read(file) + "\n");
  EXPECT_TRUE(has(stet(folder_.path(), words("table", "moved")).err, said));  // and no number of the old data
  const Outcome again = stet(folder_.path(), words("run", "moved"));
  EXPECT_TRUE(ended_with(again, 0));
  EXPECT_TRUE(has(again.err, said));
  const auto second = finished();
  EXPECT_EQ(second.size(), 4U);  // a base and a run
  expect_kept(first, second);
  EXPECT_FALSE(contains(stet(folder_.path(), words("run", "moved")).err, "changed since"));
  EXPECT_EQ(finished(), second);

  for (const char* command : {"run", "table"})
    EXPECT_TRUE(ended_with(stet(folder_.path(), words(command, "nowhere")), 3)) << command;
}

TEST_F(ChangedInputsTest, ChangedShardsAreTrainedOnAndDamagedOnesRefused) {
  const auto lines = [](const char* what) {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "{\"prompt\": \"" + std::string(what) + " " + std::to_string(i) + " is\", \"completion\": \" " +
              std::to_string(i + 1) + "\"}\n";
    return text;
  };
  const auto build = [&] {
    return stet(folder_.path(), {"data", "build", "more.jsonl", "--tokenizer", "tokenizer.json", "--out", "shards",
                                 "--context", "64", "--shard-megabytes", "0.001"});
  };
  fs::copy_file(fixtures_folder() / "tokenizers/gpt2-style/tokenizer.json", folder_ / "tokenizer.json");
  write(folder_ / "more.jsonl", lines("The number after"));
  ASSERT_TRUE(ended_with(build(), 0));
  write(folder_ / "experiment.toml", R"([experiment]
name = "shards"
seeds = 1
[data]
world = "entity-questions"
path = ")" + entity_questions_folder().string() +
                                         R"("
tokenizer = "tokenizer.json"
[data.entity_questions]
relations = ["P17", "P36"]
facts_per_relation = 40
new_per_relation = 10
)" + model_and_arm + common_tables);
  const auto run = [&](const std::string& command) {
    return stet(folder_.path(), {command, "experiment.toml", "--set", "pretrain.shards='shards'"});
  };
  ASSERT_TRUE(ended_with(run("run"), 0));
  const auto first = finished();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_TRUE(ended_with(run("run"), 0));
  EXPECT_EQ(finished(), first);

  // Other bytes under the same index: what is finished was made from others, and the identity cannot tell.
  const fs::path file = folder_ / "shards/shard-00001.safetensors";
  const std::string whole = read(file);
  std::string damaged = whole;
  damaged[damaged.size() - 2] = static_cast<char>(damaged[damaged.size() - 2] ^ 1);
  write(file, damaged);
  for (const char* command : {"plan", "run"}) {
    const Outcome refused = run(command);
    EXPECT_TRUE(ended_with(refused, 3)) << command;
    EXPECT_TRUE(has(refused.err, "shard-00001.safetensors"));
    EXPECT_TRUE(has(refused.err, "build the set again"));
  }
  write(file, whole);
  EXPECT_TRUE(ended_with(run("run"), 0));
  EXPECT_EQ(finished(), first);

  write(folder_ / "more.jsonl", lines("The number before"));
  ASSERT_TRUE(ended_with(build(), 0));
  const Outcome again = run("run");
  EXPECT_TRUE(ended_with(again, 0));
  EXPECT_TRUE(
      has(again.err, "shards of 'shards' changed since runs with these settings were finished: 1 run is made again"));
  const auto second = finished();
  EXPECT_EQ(second.size(), 4U);  // a base and a run
  expect_kept(first, second);
}

TEST_F(ChangedInputsTest, AnotherPluginFileOfTheSameVersionIsNotTheSamePlugin) {
  const std::string said =
      "plugin 'confidence_penalty' has other bytes than when runs with these settings were finished, and the same "
      "version: 1 run is made again";
  write(folder_ / "experiment.toml",
        "inherit = \"" STET_SOURCE_DIR "/tests/e2e/world.toml\"\n" + common_tables + R"([experiment]
name = "plugins"
seeds = 1
[train]
schedule = "constant"
[[arm]]
name = "sft"
[[arm]]
name = "penalty"
[arm.regularizer.confidence_penalty]
beta = 0.1
)");
  const fs::path plugin = folder_ / "mine/confidence_penalty.so";
  fs::create_directory(folder_ / "mine");
  fs::copy_file(fs::path(stet_program()).parent_path().parent_path() / "lib/stet-plugins/confidence_penalty.so",
                plugin);
  const auto run = [&](const Words& more) {
    Words words = {"run", "experiment.toml"};
    words.insert(words.end(), more.begin(), more.end());
    return stet(folder_.path(), words, {{"STET_PLUGIN_PATH", (folder_ / "mine").string()}});
  };
  ASSERT_TRUE(ended_with(run({}), 0));
  const auto first = finished();
  ASSERT_EQ(first.size(), 3U);
  std::ofstream(plugin, std::ios::app | std::ios::binary) << "x";  // what a compiler would change

  const Outcome trusting = run({"--trust-versions"});
  EXPECT_TRUE(ended_with(trusting, 0));
  EXPECT_TRUE(has(trusting.err, "stand for 1 of 2 (--trust-versions)"));
  EXPECT_EQ(finished(), first);

  const Outcome again = run({});
  EXPECT_TRUE(ended_with(again, 0));
  EXPECT_TRUE(has(again.err, said));
  const auto second = finished();
  EXPECT_EQ(second.size(), 4U);  // the one run that uses it
  expect_kept(first, second);
  EXPECT_FALSE(contains(run({}).err, "other bytes"));
  EXPECT_EQ(finished(), second);
}

}  // namespace
}  // namespace stet::e2e
