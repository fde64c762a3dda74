// A plugin goes wrong in every way, on every sort of process: its arm is named with plugin, hook and step, and the arm
// beside it has the numbers of a run without it.
#include <e2e/program.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>
#include <tuple>

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/fault/faulty.toml";
const std::string plugins = STET_BINARY_DIR "/lib/stet-faulty";
constexpr double hang_timeout = 4;

enum class Setting { workers, rank_0_of_2, rank_1_of_2, groups };

std::string name_of(Setting setting) {
  switch (setting) {
    case Setting::workers: return "two_workers";
    case Setting::rank_0_of_2: return "rank_0_of_2";
    case Setting::rank_1_of_2: return "rank_1_of_2";
    case Setting::groups: return "two_groups_of_2";
  }
  return "";
}

/// What the good arm leaves, wherever it ran.
std::map<std::string, std::string> good_results(const fs::path& folder) {
  std::map<std::string, std::string> good;
  for (const auto& [name, bytes] : files_named(folder / "runs", "outcomes.safetensors")) {
    if (contains(name, "good-s1")) good[name] = bytes;
  }
  return good;
}

class MatrixTest : public ::testing::TestWithParam<std::tuple<std::string, Setting>> {
 protected:
  static void SetUpTestSuite() {
    reference_ = new Folder;
    first_ = new Outcome(stet(reference_->path(), {"run", file}, {{"STET_PLUGIN_PATH", plugins}}));
  }
  static void TearDownTestSuite() {
    delete first_;
    delete reference_;
  }
  void SetUp() override {
    ASSERT_TRUE(ended_with(*first_, 0));
    ASSERT_EQ(good_results(reference_->path()).size(), 1U);
    fs::create_directories(mine_ / "runs");
    fs::copy(*reference_ / "runs" / ".bases", mine_ / "runs" / ".bases", fs::copy_options::recursive);
  }

  [[nodiscard]] Outcome start(const Words& more) const {
    Words words = {"run", file, "--hang-timeout", std::to_string(hang_timeout)};
    words.insert(words.end(), more.begin(), more.end());
    std::map<std::string, std::string> environment = {{"STET_PLUGIN_PATH", plugins}, {"STET_FAULTY_GROUP", "2"}};
    switch (std::get<1>(GetParam())) {
      case Setting::workers: words.insert(words.end(), {"-j", "2"}); return stet(mine_.path(), words, environment);
      case Setting::groups:
        words.insert(words.end(), {"--ranks-per-run", "2"});
        return mpi_stet(4, mine_.path(), words, environment);
      default: return mpi_stet(2, mine_.path(), words, environment);
    }
  }

  Folder mine_;
  static inline Folder* reference_ = nullptr;
  static inline Outcome* first_ = nullptr;
};

TEST_P(MatrixTest, TheBadArmIsNamedAndTheGoodArmIsTheSame) {
  const auto& [fault, setting] = GetParam();
  const bool dies = fault == "exit" || fault == "segv";
  const bool launched = setting != Setting::workers;
  const std::string rank = setting == Setting::workers ? "-1" : setting == Setting::rank_0_of_2 ? "0" : "1";
  const Words words = {"--set", "arm.bad.regularizer.faulty.fault='" + fault + "'",
                       "--set", "arm.bad.regularizer.faulty.rank=" + rank,
                       "--set", "arm.bad.regularizer.faulty.call=2"};
  // A launcher ends all ranks with the first that dies, and the job ends with ranks that hang: the next start goes on.
  const int starts = launched && dies ? 3 : launched && fault == "loop" ? 2 : 1;
  Outcome outcome;
  for (int i = 0; i < starts; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    outcome = start(words);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_NE(outcome.code, 0) << outcome.err;
    if (fault == "loop") {
      EXPECT_LT(seconds, hang_timeout + 5 + 20) << outcome.err;  // 20: the run itself, on a busy machine
    }
  }
  EXPECT_EQ(outcome.code, fault == "nan" ? 6 : 4) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "bad seed 1 failed"));
  EXPECT_TRUE(has(outcome.err, "regularizer 'faulty', output_loss"));
  EXPECT_TRUE(has(outcome.err, "phase 'facts'"));
  EXPECT_TRUE(has(outcome.err, "step "));
  EXPECT_TRUE(good_results(mine_.path()) == good_results(reference_->path())) << outcome.err;
  const std::map<std::string, std::string> records = files_named(mine_ / "runs", "failed.json");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(has(records.begin()->first, "bad-s1"));
  EXPECT_TRUE(has(records.begin()->second, "regularizer 'faulty', output_loss"));
  if (fault == "c10") {
    EXPECT_TRUE(has(records.begin()->second, "frame #0"));
    EXPECT_FALSE(contains(outcome.err, "frame #0"));
  }
  // Mended, the same folder is finished.
  const Outcome mended = stet(mine_.path(), {"run", file}, {{"STET_PLUGIN_PATH", plugins}});
  ASSERT_TRUE(ended_with(mended, 0));
  EXPECT_EQ(mended.out, first_->out);
}

std::vector<Setting> settings() {
#ifdef STET_MPIEXEC
  return {Setting::workers, Setting::rank_0_of_2, Setting::rank_1_of_2, Setting::groups};
#else
  return {Setting::workers};
#endif
}

INSTANTIATE_TEST_SUITE_P(
    Faults, MatrixTest,
    ::testing::Combine(::testing::Values("std", "c10", "stet", "bad_alloc", "nan", "exit", "segv", "loop"),
                       ::testing::ValuesIn(settings())),
    [](const auto& test) { return std::get<0>(test.param) + "_" + name_of(std::get<1>(test.param)); });

/// The hooks other than output_loss, on one rank of two: where the ranks meet again the run alone fails, elsewhere the
/// group ends.
class HookTest : public ::testing::Test {};

#ifdef STET_MPIEXEC
TEST_F(HookTest, EveryHookMayFailOnOneRank) {
  const Folder base;
  ASSERT_TRUE(ended_with(stet(base.path(), {"run", file}, {{"STET_PLUGIN_PATH", plugins}}), 0));
  for (const std::string hook : {"begin_phase", "add_gradient", "after_step", "replace_weights", "end_phase", "measure",
                                 "measure_facts", "in_collective"}) {
    SCOPED_TRACE(hook);
    const Folder mine;
    fs::create_directories(mine / "runs");
    fs::copy(base / "runs" / ".bases", mine / "runs" / ".bases", fs::copy_options::recursive);
    const std::string kind = hook.starts_with("measure") ? "probe" : "regularizer",
                      key = "arm.bad." + kind + ".faulty.";
    const Words words = {"run",
                         file,
                         "--hang-timeout",
                         "60",
                         "--set",
                         key + "hook=" + hook,
                         "--set",
                         key + "fault='std'",
                         "--set",
                         key + "rank=1",
                         "--set",
                         key + (hook == "add_gradient" ? "site=weights" : "call=0")};
    const auto begin = std::chrono::steady_clock::now();
    Outcome outcome = mpi_stet(2, mine.path(), words, {{"STET_PLUGIN_PATH", plugins}});
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_TRUE(has(outcome.err, "bad seed 1 failed"));
    EXPECT_TRUE(has(outcome.err, kind + " 'faulty', " + (hook == "in_collective" ? "begin_phase" : hook)));
    EXPECT_TRUE(has(outcome.err, "std::runtime_error: boom"));
    if (hook == "in_collective")
      outcome =
          mpi_stet(2, mine.path(), words, {{"STET_PLUGIN_PATH", plugins}});  // the job ended: the next start goes on
    EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
              45);  // found out, not waited for
    EXPECT_TRUE(good_results(mine.path()) == good_results(base.path())) << outcome.err;
  }
}

TEST_F(HookTest, AStoppedRankIsNamedAndEndsTheJob) {
  const Folder mine;
  const Words words = {"run", file, "--hang-timeout", "4", "--set", "pretrain.epochs=100000"};
  Process job(on_ranks(2, words), mine.path(), {{"STET_PLUGIN_PATH", plugins}});
  std::vector<fs::path> pages;
  while (job.running() && pages.empty()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (fs::exists(mine / "runs")) pages = find_all(mine / "runs", "rank-1");
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  pid_t victim = 0;  // the second rank: a child of mpirun
  for (const pid_t pid : job.tree()) {
    std::ifstream environment("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(environment), {}};
    if (contains(text, std::string("OMPI_COMM_WORLD_RANK=1") + '\0')) victim = pid;
  }
  ASSERT_NE(victim, 0);
  const auto begin = std::chrono::steady_clock::now();
  ::kill(victim, SIGSTOP);
  const Outcome outcome = job.wait();
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
            4 + 5 + 10);  // 10: mpirun's patience with a stopped process
  EXPECT_EQ(outcome.code, 7) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "the ranks hang"));
  EXPECT_TRUE(has(outcome.err, "process " + std::to_string(victim)));
  EXPECT_TRUE(has(outcome.err, "the process does not run"));
}

/// Stops rank `rank` of `ranks`, in groups of two, as soon as there is a file of this name.
void stop_rank_when_there_is(const std::string& name, int rank, int ranks = 4) {
  const Folder mine;
  Process job(
      on_ranks(ranks, {"run", file, "--hang-timeout", "4", "--ranks-per-run", "2", "--set", "pretrain.epochs=40"}),
      mine.path(), {{"STET_PLUGIN_PATH", plugins}});
  while (job.running() && (!fs::exists(mine / "runs") || find_all(mine / "runs", name).empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  pid_t victim = 0;
  for (const pid_t pid : job.tree()) {
    std::ifstream environment("/proc/" + std::to_string(pid) + "/environ", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(environment), {}};
    if (contains(text, "OMPI_COMM_WORLD_RANK=" + std::to_string(rank) + '\0')) victim = pid;
  }
  ASSERT_NE(victim, 0);
  ::kill(victim, SIGSTOP);
  // Fails the test if it hangs. The other group may do everything first, beside a rank that spins in a collective: on a
  // machine with other work that takes minutes.
  const Outcome outcome = job.wait(std::chrono::minutes(8));
  EXPECT_EQ(outcome.code, 7) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "rank " + std::to_string(rank) + " does not run") ||
              contains(outcome.err, "the ranks hang"))
      << outcome.err;
}

TEST_F(HookTest, AStoppedRankOfAGroupWithoutATaskIsNamedToo) {
  // One base: one of the two groups has nothing to do. Whichever it is, one of these ranks is of it.
  for (const int rank : {1, 3}) {
    SCOPED_TRACE(rank);
    stop_rank_when_there_is("rank-1", rank);
  }
}

TEST_F(HookTest, AStoppedRankOfTheOnlyGroupIsNamedBeforeItsFirstTask) {
  for (const char* name : {".rank-1.alive", "lock"}) {
    SCOPED_TRACE(name);
    stop_rank_when_there_is(name, 1, 2);
  }
}

TEST_F(HookTest, AStoppedRankIsNamedEvenWhileTheGroupsAreMade) {
  for (const char* name : {".rank-0.alive", ".rank-1.alive"}) {
    SCOPED_TRACE(name);
    stop_rank_when_there_is(name, 1);
  }
}
#endif

TEST_F(HookTest, WhatIsHandedOverIsLookedAt) {
  const Folder mine;
  const Words words = {
      "run", file, "--set", "arm.bad.probe.faulty.hook='measure'", "--set", "arm.bad.probe.faulty.fault='nan'"};
  const Outcome outcome = stet(mine.path(), words, {{"STET_PLUGIN_PATH", plugins}});
  EXPECT_EQ(outcome.code, 4) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "bad seed 1 failed"));
  EXPECT_TRUE(has(outcome.err, "probe 'faulty', measure"));
  EXPECT_TRUE(has(outcome.err, "finite values"));
  EXPECT_EQ(good_results(mine.path()).size(), 1U);
  const Outcome mended = stet(mine.path(), {"run", file}, {{"STET_PLUGIN_PATH", plugins}});
  ASSERT_TRUE(ended_with(mended, 0));
  // The plugin does nothing now: said, and kept.
  const std::string said = "regularizer 'faulty': its term was 0 in every step, and it replaced no weights";
  EXPECT_TRUE(has(mended.err, said));
  std::size_t manifests = 0;
  for (const auto& [name, text] : files_named(mine / "runs", "manifest.txt")) {
    EXPECT_EQ(contains(text, "warning: " + said), contains(name, "bad-s1")) << name;
    ++manifests;
  }
  EXPECT_EQ(manifests, 2U);
}

TEST_F(HookTest, APlanOutlivesAPlugin) {
  for (const auto& [fault, said] : {std::pair<std::string, std::string>{"exit", "ended itself with exit code 0"},
                                    {"segv", "died of signal 11"},
                                    {"std", "boom"}}) {
    const Folder mine;
    const Outcome outcome =
        stet(mine.path(), {"plan", file, "--set", "arm.bad.regularizer.faulty.fault='" + fault + "'"},
             {{"STET_PLUGIN_PATH", plugins}});
    EXPECT_EQ(outcome.code, 4) << fault;
    EXPECT_EQ(outcome.signal, 0) << fault;
    EXPECT_TRUE(has(outcome.err, said));
    EXPECT_TRUE(has(outcome.err, "regularizer 'faulty', output_loss"));
    EXPECT_TRUE(has(outcome.out, "runs: 2 (0 finished)"));  // what could be said is said
  }
}

TEST_F(HookTest, AStoppedWorkerIsReplaced) {
  const Folder mine;
  Process job(stet_words({"run", file, "--hang-timeout", "2", "-j", "1"}), mine.path(),
              {{"STET_PLUGIN_PATH", plugins}});
  while (job.running() && (!fs::exists(mine / "runs") || find_all(mine / "runs", "rank-0").empty()))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::vector<pid_t> tree = job.tree();
  ASSERT_GE(tree.size(), 2U);
  ::kill(tree.back(), SIGSTOP);
  const Outcome outcome = job.wait();
  EXPECT_TRUE(ended_with(outcome, 0));
  EXPECT_TRUE(has(outcome.err, "a worker process was stopped for 2 s"));
}

}  // namespace
}  // namespace stet::e2e
