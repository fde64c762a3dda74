// Results are made again when the data that they were made from has changed, and only then.
#include "program.hpp"
#include <fixtures_folder.hpp>

namespace stet::e2e {
namespace {

class ChangedDataTest : public ::testing::Test {
 protected:
  ChangedDataTest() {
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
[model]
width = 16
layers = 1
heads = 2
feed_forward = 32
context = 96
[pretrain]
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
[[arm]]
name = "sft"
[table]
[[table.column]]
label = "Held"
set = "held"
)");
    fs::copy(entity_questions_folder(), folder_ / "data", fs::copy_options::recursive);
  }
  void run(const std::string& data) {
    const Outcome outcome = stet(folder_.path(), {"run", "experiment.toml", "--jobs", "1", "--set", "data.path=" + (folder_ / data).string()});
    ASSERT_TRUE(ended_with(outcome, 0));
  }
  /// finished.json of bases and runs; each holds the moment at which its task ended.
  [[nodiscard]] std::map<std::string, std::string> finished() const { return files_named(folder_ / "runs", "finished.json"); }

  Folder folder_;
};

TEST_F(ChangedDataTest, IsTrainedOnAndTheSameDataElsewhereIsNot) {
  run("data");
  const auto first = finished();
  ASSERT_EQ(first.size(), 2U);
  fs::rename(folder_ / "data", folder_ / "moved");
  run("moved");
  EXPECT_EQ(finished(), first);
  const fs::path file = folder_ / "moved/train/P36.train.json";
  write(file, read(file) + "\n");
  run("moved");
  const auto second = finished();
  EXPECT_EQ(second.size(), 4U);
  for (const auto& [name, bytes] : first) EXPECT_EQ(second.at(name), bytes);
  const Outcome nowhere = stet(folder_.path(), {"run", "experiment.toml", "--set", "data.path=/nowhere"});
  EXPECT_TRUE(ended_with(nowhere, 3));
  EXPECT_TRUE(ended_with(stet(folder_.path(), {"table", "experiment.toml", "--set", "data.path=/nowhere"}), 3));
}

}  // namespace
}  // namespace stet::e2e
