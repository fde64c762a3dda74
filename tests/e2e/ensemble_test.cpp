// Several groups of ranks, and several jobs, on one experiment folder.
#include "program.hpp"

#include <algorithm>
#include <csignal>
#include <set>
#include <sstream>
#include <thread>

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/e2e/miniature.toml";

Words run_words(const Words& more = {}) {
  Words words = {"--verbose", "run", file};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::map<std::string, std::string> results(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const std::string name :
       {"table.csv", "outcomes.safetensors", "measurements.csv", "manifest.txt", "run.toml", "model.safetensors"}) {
    all.merge(files_named(folder / "runs", name));
  }
  return all;
}

/// "finished: TASK" lines, as --verbose writes them when a task was done by this process.
std::multiset<std::string> tasks_done(const std::string& log) {
  std::multiset<std::string> tasks;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find("finished: ");
    if (at != std::string::npos) tasks.insert(line.substr(at));
  }
  return tasks;
}

/// Every task of the miniature once: a base and ten runs.
void expect_each_task_once(const std::multiset<std::string>& tasks) {
  EXPECT_EQ(tasks.size(), 11U);
  for (const std::string& task : tasks) EXPECT_EQ(tasks.count(task), 1U) << task;
}

/// One after the other, in one process: what everything else must agree with.
class EnsembleTest : public ::testing::Test {
 protected:
  /// Waits until so many tasks are finished, or the program ended.
  void wait_for(std::size_t tasks, Process& process) const {
    fs::create_directories(mine_ / "runs");
    while (find_all(mine_ / "runs", "finished.json").size() < tasks && process.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  static void SetUpTestSuite() {
    reference_ = new Folder;
    alone_ = new Outcome(stet(reference_->path(), run_words({"-j", "1"})));
  }
  static void TearDownTestSuite() {
    delete alone_;
    delete reference_;
  }
  void SetUp() override {
    ASSERT_TRUE(ended_with(*alone_, 0));
    expect_each_task_once(tasks_done(alone_->err));
  }

  static void expect_same_results(const Folder& mine) {
    const auto expected = results(reference_->path()), got = results(mine.path());
    ASSERT_EQ(expected.size(), got.size());
    for (const auto& [name, bytes] : expected) EXPECT_TRUE(got.contains(name) && got.at(name) == bytes) << name;
  }

  Folder mine_;
  static inline Folder* reference_ = nullptr;
  static inline Outcome* alone_ = nullptr;
};

TEST_F(EnsembleTest, TwoCommandsOnOneFolderShareTheWork) {
  Process first(stet_words(run_words({"-j", "1"})), mine_.path()),
      second(stet_words(run_words({"-j", "1"})), mine_.path());
  const Outcome a = first.wait(), b = second.wait();
  ASSERT_TRUE(ended_with(a, 0));
  ASSERT_TRUE(ended_with(b, 0));
  EXPECT_EQ(a.out, alone_->out);
  EXPECT_EQ(b.out, alone_->out);
  std::multiset<std::string> tasks = tasks_done(a.err);
  tasks.merge(tasks_done(b.err));
  expect_each_task_once(tasks);
  expect_same_results(mine_);
}

TEST_F(EnsembleTest, AKilledCommandsRunIsTakenOverByTheOther) {
  Process first(stet_words(run_words({"-j", "1"})), mine_.path()),
      second(stet_words(run_words({"-j", "1"})), mine_.path());
  wait_for(4, first);  // in the middle of the runs
  first.kill_tree();
  const Outcome rest = second.wait();
  ASSERT_TRUE(ended_with(rest, 0));
  EXPECT_EQ(rest.out, alone_->out);
  expect_same_results(mine_);
}

#ifdef STET_MPIEXEC
TEST_F(EnsembleTest, GroupsOfOneRankGiveTheSameAsOneByOne) {
  const Outcome groups = mpi_stet(2, mine_.path(), run_words({"--ranks-per-run", "1"}));
  ASSERT_TRUE(ended_with(groups, 0));
  EXPECT_EQ(groups.out, alone_->out);
  EXPECT_TRUE(has(groups.err, "2 groups of 1 ranks"));
  EXPECT_TRUE(has(groups.err, "2 groups were busy "));
  EXPECT_TRUE(has(groups.err, "2 groups finished 11 tasks, 0 failed"));
  expect_same_results(mine_);
}

TEST_F(EnsembleTest, GroupsOfTwoRanksGiveTheSameWithMicroShards) {
  const Folder one;
  const Words words = run_words({"--set", "train.micro_shards=2", "--set", "pretrain.train.micro_shards=2"});
  const Outcome alone = stet(one.path(), words);
  ASSERT_TRUE(ended_with(alone, 0));
  Words grouped = words;
  grouped.insert(grouped.end(), {"--set", "experiment.ranks_per_run=2"});
  const Outcome groups = mpi_stet(4, mine_.path(), grouped);
  ASSERT_TRUE(ended_with(groups, 0));
  EXPECT_EQ(groups.out, alone.out);
  EXPECT_TRUE(has(groups.err, "2 groups of 2 ranks"));
  EXPECT_TRUE(has(groups.err, "2 groups finished 11 tasks, 0 failed"));
  EXPECT_TRUE(results(one.path()) == results(mine_.path()));
}

TEST_F(EnsembleTest, AGroupsFailureIsItsRunsFailureAlone) {
  const Outcome groups =
      mpi_stet(2, mine_.path(), run_words({"--ranks-per-run", "1", "--set", "arm.sft.train.weight_decay=1e38"}));
  ASSERT_TRUE(ended_with(groups, 6));
  EXPECT_EQ(count_of(groups.err, "sft seed 1 failed"), 1U);
  EXPECT_EQ(count_of(groups.err, "sft seed 2 failed"), 1U);
  EXPECT_TRUE(has(groups.out, "2 of 10 runs are not finished"));
  EXPECT_TRUE(has(groups.err, "2 groups finished 9 tasks, 2 failed"));
}

TEST_F(EnsembleTest, AStoppedJobGoesOnWithOtherGroups) {
  Process job(on_ranks(2, run_words({"--ranks-per-run", "1"})), mine_.path());
  wait_for(3, job);
  job.signal(SIGUSR2);  // mpirun passes it on
  ASSERT_TRUE(ended_with(job.wait(), 75));
  const Outcome rest = stet(mine_.path(), run_words());
  ASSERT_TRUE(ended_with(rest, 0));
  EXPECT_EQ(rest.out, alone_->out);
  expect_same_results(mine_);
}

TEST_F(EnsembleTest, GroupsMustDivideTheRanks) {
  const Outcome odd = mpi_stet(4, mine_.path(), run_words({"--ranks-per-run", "3"}));
  ASSERT_TRUE(ended_with(odd, 2));
  EXPECT_EQ(count_of(odd.err, "cannot be divided into groups of ranks_per_run"), 1U);
  EXPECT_TRUE(has(odd.err, "a divisor of 4"));
}
#endif

}  // namespace
}  // namespace stet::e2e
