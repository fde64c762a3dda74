#include <stet/schedule/work_forecast.hpp>

#include <experiment_support.hpp>

#include <vector>

namespace stet {
namespace {

using Kind = ForecastTask::Kind;

ForecastTask finished(Kind kind, const std::string& like, double seconds) { return {kind, "finished", like, seconds}; }
ForecastTask waiting(Kind kind, const std::string& identity, const std::string& like) { return {kind, identity, like}; }

TEST(WorkForecast, NothingIsForetoldOfTheUnknown) {
  const std::vector<ForecastTask> tasks = {waiting(Kind::base, "base 1", "128"),
                                           waiting(Kind::run, "sft seed 1", "sft")};
  const Forecast begin = forecast(tasks, {}, 1);
  EXPECT_EQ(begin.fraction, 0);
  EXPECT_FALSE(begin.left);
  const std::vector<Progress> too_early = {{"", 0.01, 1000, 1, "base 1"}};
  EXPECT_FALSE(forecast(tasks, too_early, 1).left);
}

TEST(WorkForecast, GoesByWhatIsUnderWayUntilSomethingIsFinished) {
  // Half a base in 30 s: 30 s more, and 10 s for a run, which is taken for a sixth of a base.
  const std::vector<ForecastTask> tasks = {waiting(Kind::base, "base 1", "128"),
                                           waiting(Kind::run, "sft seed 1", "sft")};
  const std::vector<Progress> active = {{"", 0.5, 1000, 30, "base 1"}};
  const Forecast now = forecast(tasks, active, 1);
  EXPECT_DOUBLE_EQ(now.left.value(), 40);
  EXPECT_DOUBLE_EQ(now.fraction, 30.0 / 70);
}

TEST(WorkForecast, ArmsHaveTheirOwnCosts) {
  // The base is paid for and says nothing of runs any more; an arm that nobody has finished goes by the mean of the
  // others.
  const std::vector<ForecastTask> tasks = {finished(Kind::base, "128", 1000),
                                           finished(Kind::run, "short", 10),
                                           finished(Kind::run, "short", 14),
                                           finished(Kind::run, "long", 96),
                                           waiting(Kind::run, "short seed 3", "short"),
                                           waiting(Kind::run, "long seed 2", "long"),
                                           waiting(Kind::run, "new seed 1", "new")};
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 1).left.value(), 12 + 96 + 40);
  const std::vector<Progress> active = {{"", 0.75, 1000, 50, "long seed 2"}};
  EXPECT_DOUBLE_EQ(forecast(tasks, active, 1).left.value(), 12 + 24 + 40);
  EXPECT_DOUBLE_EQ(forecast(tasks, active, 1).fraction, (1120.0 + 72) / (1120 + 148));
}

TEST(WorkForecast, TheLongestTaskIsNotDivided) {
  std::vector<ForecastTask> tasks = {finished(Kind::run, "short", 10), finished(Kind::run, "long", 100),
                                     waiting(Kind::run, "long seed 2", "long"),
                                     waiting(Kind::run, "short seed 2", "short")};
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 4).left.value(), 100);
  tasks.insert(tasks.end(), 29, waiting(Kind::run, "short seed 3", "short"));
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 4).left.value(),
                   100);  // 400 s of work: four processes are busy as long as the longest takes
  tasks.push_back(waiting(Kind::run, "short seed 4", "short"));
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 4).left.value(), 110);  // one of them has one more
}

TEST(WorkForecast, RunsWaitForTheirBaseAndItsLabels) {
  std::vector<ForecastTask> tasks = {finished(Kind::base, "128", 60), finished(Kind::labels, "128", 20),
                                     finished(Kind::run, "sft", 10)};
  const auto second = [](ForecastTask task) {
    task.base = 1;
    return task;
  };
  tasks.push_back(second(waiting(Kind::base, "base 2", "128")));
  tasks.push_back(second(waiting(Kind::labels, "labels of base 2", "128")));
  tasks.insert(tasks.end(), 2, second(waiting(Kind::run, "sft seed 2", "sft")));
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 1).left.value(), 100);
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 8).left.value(), 90);
  tasks.push_back(waiting(Kind::run, "sft seed 3", "sft"));  // on the base that is there
  EXPECT_DOUBLE_EQ(forecast(tasks, {}, 8).left.value(), 90);
}

TEST(WorkForecast, WhatIsUnderWayIsNotTakenAgain) {
  // Two processes, each at the middle of a run of 10 s: they take the two that wait when they are through.
  std::vector<ForecastTask> tasks = {finished(Kind::run, "sft", 10)};
  for (const char* name : {"one", "two", "three", "four"}) tasks.push_back(waiting(Kind::run, name, "sft"));
  const std::vector<Progress> active = {{"", 0.5, 1000, 5, "three"}, {"", 0.5, 1000, 5, "four"}};
  EXPECT_DOUBLE_EQ(forecast(tasks, active, 2).left.value(), 15);
}

TEST(WorkForecast, WhatFailedOrIsCopiedCostsNothing) {
  std::vector<ForecastTask> tasks = {finished(Kind::run, "sft", 10), waiting(Kind::run, "sft seed 2", "sft")};
  tasks[1].costs = false;
  const Forecast end = forecast(tasks, {}, 2);
  EXPECT_DOUBLE_EQ(end.left.value(), 0);
  EXPECT_DOUBLE_EQ(end.fraction, 1);
  EXPECT_DOUBLE_EQ(forecast({}, {}, 2).fraction, 1);
}

TEST(WorkForecast, AFinishedTaskThatStillSaysItIsUnderWayCountsOnce) {
  const std::vector<ForecastTask> tasks = {{Kind::run, "sft seed 1", "sft", 10},
                                           waiting(Kind::run, "sft seed 2", "sft")};
  const std::vector<Progress> late = {{"", 0.99, 1000, 10, "sft seed 1"}};
  EXPECT_DOUBLE_EQ(forecast(tasks, late, 1).fraction, 0.5);
}

/// What becomes of tasks is read from their folders.
TEST(WorkForecast, LooksAtTheFolders) {
  const testing::Folder root;
  Plan plan;
  plan.bases.resize(1);
  plan.bases[0].identity = "feed";
  plan.runs.resize(3);
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    plan.runs[i].arm = "sft";
    plan.runs[i].seed = i + 1;
    plan.runs[i].identity = "identity" + std::to_string(i);
  }
  const Workspace workspace(root.path(), "forecast");
  const auto finish = [&](const std::filesystem::path& folder, double wall) {
    std::filesystem::create_directories(folder);
    task::mark_finished(folder, {wall, wall}, 1);
  };
  finish(workspace.base_folder(plan.bases[0]), 60);
  WorkForecast forecast(plan, workspace, "now");
  EXPECT_DOUBLE_EQ(forecast.look({}, 1).left.value(), 30);  // three runs at a sixth of the base
  finish(workspace.run_folder(plan.runs[0]), 20);
  EXPECT_DOUBLE_EQ(forecast.look({}, 1).left.value(), 40);
  std::filesystem::create_directories(workspace.run_folder(plan.runs[1]));
  task::mark_failed(workspace.run_folder(plan.runs[1]), "now", Error(ErrorKind::checkpoint, "no room"));
  EXPECT_DOUBLE_EQ(forecast.look({}, 1).left.value(), 20);
  // A run of another experiment that is the same as ours will be copied.
  plan.runs[2].arm = "plain";
  const Workspace other(root.path(), "other");
  finish(other.run_folder(plan.runs[2]), 20);
  other.announce(plan.runs[2]);
  EXPECT_DOUBLE_EQ(WorkForecast(plan, workspace, "now").look({}, 1).left.value(), 0);
}

}  // namespace
}  // namespace stet
