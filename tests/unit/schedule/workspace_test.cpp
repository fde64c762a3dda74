#include <stet/schedule/workspace.hpp>

#include <stet/base/hash.hpp>
#include <stet/model/arithmetic.hpp>
#include <stet/outcomes/outcomes_file.hpp>

#include <experiment_support.hpp>

namespace stet {
namespace {

class WorkspaceTest : public ::testing::Test {
 protected:
  static PlannedRun planned() {
    PlannedRun run;
    run.arm = "sft";
    run.seed = 3;
    run.identity = "0123456789abcdef";
    return run;
  }
  static void leave_outcomes(const std::filesystem::path& run) {
    std::filesystem::create_directories(run);
    report::save_outcomes(run / "outcomes.safetensors", {3, "sft", {0}, {0.0F}, {0}, {"facts"}, {}});
  }
  using Folder = testing::Folder;
  Folder folder_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  const std::filesystem::path task_ = folder_ / "task";
};

TEST_F(WorkspaceTest, LaysOutFolders) {
  const Workspace workspace(folder_.path(), "name");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "name" / "runs"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / ".bases"));
  PlannedRun run = planned();
  EXPECT_EQ(workspace.run_folder(run), folder_ / "name" / "runs" / "sft-s3-0123456789");
  PlannedBase base;
  base.identity = "feed";
  EXPECT_EQ(workspace.base_folder(base), folder_ / ".bases" / "feed");  // beside the experiments, which share it
}

TEST_F(WorkspaceTest, AnotherExperimentsRunOfTheSameIdentityIsAdopted) {
  const Workspace first(folder_.path(), "first"), second(folder_.path(), "second");
  PlannedRun run = planned();
  const std::filesystem::path theirs = first.run_folder(run);
  leave_outcomes(theirs);
  write_file_atomically(theirs / "metrics.jsonl", "{}\n");
  EXPECT_FALSE(second.adopt(run));  // nobody has heard of it
  first.announce(run);
  EXPECT_FALSE(second.adopt(run));  // it is not finished
  task::mark_finished(theirs, {1.5, 1.25}, 2);
  EXPECT_FALSE(first.adopt(run));  // its own
  EXPECT_FALSE(first.finished_elsewhere(run).has_value());
  EXPECT_EQ(second.finished_elsewhere(run), theirs);
  run.arm = "plain";  // the same run under another name
  ASSERT_TRUE(second.adopt(run));
  const std::filesystem::path mine = second.run_folder(run);
  EXPECT_TRUE(task::finished(mine));
  EXPECT_EQ(report::load_outcomes(mine / "outcomes.safetensors").arm, "plain");
  EXPECT_EQ(read_file(mine / "metrics.jsonl"), "{}\n");
  std::filesystem::remove_all(mine);
  std::filesystem::remove_all(theirs);
  EXPECT_FALSE(second.adopt(run));
  EXPECT_FALSE(second.finished_elsewhere(run).has_value());
}

TEST_F(WorkspaceTest, ARunThatKeepsItsModelAdoptsOneWithItsModelAlone) {
  const Workspace first(folder_.path(), "first"), second(folder_.path(), "second");
  PlannedRun run = planned();
  const std::filesystem::path theirs = first.run_folder(run), mine = second.run_folder(run);
  leave_outcomes(theirs);
  task::mark_finished(theirs, {1.5, 1.25}, 2);
  first.announce(run);
  run.config.checkpoint.keep_weights = true;
  write_file_atomically(theirs / "model.safetensors", "weights");
  write_file_atomically(theirs / "tokenizer.json", "{}");
  EXPECT_FALSE(task::holds_model(theirs));  // model.toml is written last
  EXPECT_FALSE(second.adopt(run));
  EXPECT_FALSE(task::finished(mine));
  write_file_atomically(theirs / "model.toml", "[model]\n");
  ASSERT_TRUE(second.adopt(run));
  EXPECT_TRUE(task::holds_model(mine));
  EXPECT_FALSE(std::filesystem::exists(mine / "tokenizer_config.json"));
  std::filesystem::remove_all(mine);
  write_file_atomically(theirs / "tokenizer_config.json",
                        "{\"eos_token\": \"<end>\"}");  // an end token of an unusual name
  ASSERT_TRUE(second.adopt(run));
  EXPECT_EQ(read_file(mine / "tokenizer_config.json"), "{\"eos_token\": \"<end>\"}");
  EXPECT_EQ(read_file(mine / "model.safetensors"), "weights");
  std::filesystem::remove_all(mine);
  run.config.checkpoint.keep_weights = false;
  ASSERT_TRUE(second.adopt(run));
  EXPECT_FALSE(task::holds_model(mine));
}

TEST_F(WorkspaceTest, WhatNamesAnotherRunStaysUnderTheRoot) {
  const Folder outside;
  const Workspace first(folder_ / "root", "first"), second(folder_ / "root", "second");
  PlannedRun run = planned();
  run.inputs = config::Value::table();
  run.inputs.set("data", "one");
  run.likeness = "abc";
  leave_outcomes(outside / "run");
  task::mark_finished(outside / "run", {1, 1}, 1);
  first.announce(run);
  for (const std::string& line : {(outside / "run").string(), "../../" + outside.path().filename().string() + "/run"}) {
    static_cast<void>(folder_.write("root/.runs/" + run.identity, line + "\n"));
    const Error error = testing::error_of([&] { (void)second.adopt(run); });
    EXPECT_EQ(error.where(), folder_ / ("root/.runs/" + run.identity));
  }
  std::filesystem::create_directory_symlink(outside / "run", folder_ / "root/link");
  static_cast<void>(folder_.write("root/.runs/" + run.identity, "link\n"));
  EXPECT_EQ(testing::error_of([&] { (void)second.adopt(run); }).message(), "a symbolic link leads out of its folder");
  static_cast<void>(folder_.write("root/.runs/like-abc", "identity = \"../../../x\"\n[inputs]\ndata = \"two\"\n"));
  EXPECT_EQ(testing::error_of([&] { (void)first.last_alike(run); }).message(),
            "the record of a run's inputs was altered");
}

TEST_F(WorkspaceTest, OutcomesAreTheFoldersOwn) {
  const Folder outside;
  leave_outcomes(outside.path());
  std::filesystem::create_directories(task_);
  std::filesystem::create_symlink(outside / "outcomes.safetensors", task_ / "outcomes.safetensors");
  task::mark_finished(task_, {1, 1}, 1, hash_file(task_ / "outcomes.safetensors"));
  EXPECT_EQ(testing::error_of([&] { (void)finished_outcomes(task_); }).message(),
            "a symbolic link leads out of its folder");
}

TEST_F(WorkspaceTest, ARecordHoldsWhatComputedTheTask) {
  std::optional<FileLock> lock;
  ASSERT_TRUE(task::claim(*alone_, task_, lock));
  task::mark_finished(task_, {1, 1}, 1);
  EXPECT_EQ(task::record(task_).machine, kind_of(inspect_arithmetic()));
  EXPECT_FALSE(std::filesystem::exists(task_ / "machines"));
  // Went on from a checkpoint of another machine.
  std::filesystem::remove(task_ / "finished.json");
  lock.reset();
  static_cast<void>(folder_.write("task/machines", "Abacus, kernels none\n"));
  std::filesystem::create_directories(task_ / "checkpoints/step-3");
  ASSERT_TRUE(task::claim(*alone_, task_, lock));
  task::mark_finished(task_, {1, 1}, 1);
  EXPECT_EQ(task::record(task_).machine, "Abacus, kernels none, then " + kind_of(inspect_arithmetic()));
  // Began there, and left nothing to go on with.
  std::filesystem::remove(task_ / "finished.json");
  std::filesystem::remove_all(task_ / "checkpoints");
  lock.reset();
  static_cast<void>(folder_.write("task/machines", "Abacus, kernels none\n"));
  ASSERT_TRUE(task::claim(*alone_, task_, lock));
  task::mark_finished(task_, {1, 1}, 1);
  EXPECT_EQ(task::record(task_).machine, kind_of(inspect_arithmetic()));
  static_cast<void>(folder_.write("task/finished.json", R"({"seconds": 1, "ranks": 2})"));
  EXPECT_EQ(task::record(task_).machine, "");  // an older stet's
  static_cast<void>(folder_.write("task/finished.json", R"({"seconds": 1, "ranks": 2, "machine": {"processor": 3}})"));
  EXPECT_NE(testing::error_of([&] { (void)task::record(task_); }).hint().find("made again"), std::string::npos);
}

TEST_F(WorkspaceTest, ATaskHasOneOwnerAtATime) {
  std::optional<FileLock> mine, other;
  EXPECT_TRUE(task::claim(*alone_, task_, mine));
  EXPECT_FALSE(task::claim(*alone_, task_, other));
  mine.reset();
  EXPECT_TRUE(task::claim(*alone_, task_, other));
}

TEST_F(WorkspaceTest, AFailureCountsInItsOwnSessionAlone) {
  std::filesystem::create_directory(task_);
  EXPECT_FALSE(task::failure(task_, "one").has_value());
  task::mark_failed(task_, "one", Error(ErrorKind::numerical, "it broke \xFF").detail("frame #0"));
  ASSERT_TRUE(task::failure(task_, "one").has_value());
  EXPECT_TRUE(task::failure(task_, "one")->message.starts_with("it broke"));
  EXPECT_EQ(task::failure(task_, "one")->exit_code, 6);
  EXPECT_NE(read_file(task_ / "failed.json").find("frame #0"), std::string::npos);
  EXPECT_FALSE(task::failure(task_, "two").has_value());
  EXPECT_FALSE(task::finished(task_));
  task::mark_finished(task_, {1.5, 1.25}, 2);
  EXPECT_TRUE(task::finished(task_));
  const task::Record record = task::record(task_);
  EXPECT_EQ(record.spent.wall, 1.5);
  EXPECT_EQ(record.spent.processor, 1.25);
  EXPECT_EQ(record.ranks, 2);
  EXPECT_GT(record.ended, 1.7e9);
  EXPECT_FALSE(task::failure(task_, "one").has_value());  // success takes it away
  static_cast<void>(folder_.write("task/failed.json", "{\"session\""));
  EXPECT_FALSE(task::failure(task_, "one").has_value());
}

TEST_F(WorkspaceTest, ARecordThatWasAlteredIsNamed) {
  std::filesystem::create_directory(task_);
  using namespace std::string_literals;
  for (const std::string& text :
       {"{\"seconds\": 1, \"ranks\": 2}\0x"s, "{}"s, ""s, "{\"seconds\": \"long\", \"ranks\": 2}"s}) {
    static_cast<void>(folder_.write("task/finished.json", text));
    const Error error = testing::error_of([&] { (void)task::record(task_); });
    EXPECT_EQ(error.kind(), ErrorKind::data) << text;
    EXPECT_NE(std::string(error.what()).find("finished.json"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("made again"), std::string::npos);
  }
}

TEST_F(WorkspaceTest, WhatAKilledOwnerLeftIsRemoved) {
  std::filesystem::create_directory(task_);
  static_cast<void>(folder_.write("task/finished.json.tmp.123", "{"));
  static_cast<void>(folder_.write("task/metrics.jsonl", "{}"));
  {
    std::optional<FileLock> lock;
    ASSERT_TRUE(task::claim(*alone_, task_, lock));
    EXPECT_FALSE(std::filesystem::exists(task_ / "finished.json.tmp.123"));
    EXPECT_TRUE(std::filesystem::exists(task_ / "metrics.jsonl"));
    std::filesystem::create_directories(task_ / "checkpoints" / "step-10");
    task::tidy(task_);
    EXPECT_TRUE(std::filesystem::exists(task_ / "checkpoints"));  // it is not finished
    task::mark_finished(task_, {1, 1}, 1);
    task::tidy(task_);
    EXPECT_TRUE(std::filesystem::exists(task_ / "checkpoints"));  // its owner lives and will remove them
  }
  task::tidy(task_);
  EXPECT_FALSE(std::filesystem::exists(task_ / "checkpoints"));
  EXPECT_TRUE(task::finished(task_));
}

}  // namespace
}  // namespace stet
