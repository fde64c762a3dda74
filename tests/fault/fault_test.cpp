// Killed at every bad moment and started again: the results are those of a run that was never disturbed, to the byte.
#include "undisturbed.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <thread>

namespace stet::e2e {
namespace {

const Words checkpoint_points = {"checkpoint.begin",  "checkpoint.part",  "checkpoint.manifest",
                                 "checkpoint.rename", "checkpoint.prune", "checkpoint.end"};

Words each(const Words& points, const std::string& count) {
  Words faults;
  for (const std::string& point : points) faults.push_back("kill:" + point + "=" + count);
  return faults;
}

TEST_F(FaultTest, TheBaseSurvivesDeathAtEveryPointOfACheckpoint) {
  die_at(each(checkpoint_points, "1"));
  EXPECT_TRUE(find_all(mine_ / "runs", "model.safetensors").empty());  // all of these met the base
  finish_and_compare();
}

TEST_F(FaultTest, ARunSurvivesDeathAtEveryPointOfACheckpoint) {
  copy_base();
  die_at(
      {"kill:checkpoint.begin=1", "kill:checkpoint.part=2", "kill:checkpoint.manifest=1", "kill:checkpoint.rename=1"});
  die_at({"kill:checkpoint.prune=1", "kill:checkpoint.end=1"});  // the second run's by now
  finish_and_compare();
}

TEST_F(FaultTest, ARunSurvivesDeathBetweenStepsAndBesideItsRecord) {
  copy_base();
  // The first step of all; after a checkpoint; in the second phase; after the record but before it counts, of both
  // runs.
  die_at({"kill:run.step=1", "kill:run.step=11", "kill:run.step=12", "kill:run.step=3", "kill:run.step=12",
          "kill:run.record=1", "kill:run.record=1", "kill:run.step=2"});
  finish_and_compare();
}

TEST_F(FaultTest, ARunThatKillsEachOfItsWorkersFailsAfterTheSecondAndTheOthersGoOn) {
  copy_base();
  const Outcome killed =
      stet(mine_.path(), run_words({"--jobs", "1"}), {{"STET_FAULT", "kill:run.step=5"}});  // of every worker
  ASSERT_TRUE(ended_with(killed, 7));
  EXPECT_EQ(count_of(killed.err, "it is tried once more"), 2U);
  EXPECT_EQ(count_of(killed.err, "two processes died in this task"), 2U);  // each of the two runs
  EXPECT_TRUE(has(killed.err, "phase 'format', step 4"));
  EXPECT_TRUE(has(killed.err, "the same command tries again"));
  finish_and_compare();
}

TEST_F(FaultTest, SurvivesBeingKilledAgainAndAgain) {
  int kills = 0;
  for (int attempt = 0;; ++attempt) {
    Process process(stet_words(run_words()), mine_.path());
    // At instants all over a run's duration on this machine; later and later, so that in the end one gets through.
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(duration_ * (0.35 + 0.12 * attempt));
    while (process.running() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (!process.running()) {
      ASSERT_TRUE(ended_with(process.wait(), 0));
      break;
    }
    ++kills;
    // Workers must not outlive the program, whichever way it goes.
    attempt % 2 == 0 ? process.kill_tree() : process.kill_root();
  }
  EXPECT_GE(kills, 1);
  finish_and_compare();
}

TEST_F(FaultTest, ATerminatedRunGoesOn) {
  Process process(stet_words(run_words({"--jobs", "1"})), mine_.path());
  while (process.running() && (!fs::exists(mine_ / "runs") || checkpoints_in(mine_ / "runs").empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  process.signal(SIGTERM);
  const Outcome stopped = process.wait();
  ASSERT_TRUE(ended_with(stopped, 75));
  EXPECT_TRUE(has(stopped.err, "the same command goes on from here"));
  EXPECT_TRUE(stopped.out.empty());  // no table of half an experiment
  EXPECT_FALSE(checkpoints_in(mine_ / "runs").empty());
  EXPECT_TRUE(find_all(mine_ / "runs", "failed.json").empty());
  finish_and_compare();
}

/// Puts a whole checkpoint into the place of a run's own.
TEST_F(FaultTest, ACheckpointOfAnotherRunOrModelIsRefusedWithBothValues) {
  copy_base();
  const auto killed_at = [&](const Folder& folder, const Words& more) {
    Words words = run_words({"--worker", "--set", "checkpoint.asynchronous=false"});
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(stet(folder.path(), words, {{"STET_FAULT", "kill:step=9"}}).signal, SIGKILL);
    const std::vector<fs::path> all = checkpoints_in(folder.path() / "runs" / "fault");
    EXPECT_FALSE(all.empty());
    return all.empty() ? fs::path() : all.front().parent_path();
  };
  const fs::path own = killed_at(mine_, {});
  for (const auto& [set, wanted, found] :
       {std::array<std::string, 3>{"train.learning_rate=0.0007", "config.train.learning_rate = ", "real 0.0007"},
        std::array<std::string, 3>{"model.width=48", "model.width = ", "integer 48"}}) {
    const Folder other;
    const fs::path theirs = killed_at(other, {"--set", set});
    fs::remove_all(own);
    fs::copy(theirs, own, fs::copy_options::recursive);
    const Outcome refused = stet(mine_.path(), run_words({"--jobs", "1"}));
    ASSERT_TRUE(ended_with(refused, 5));
    EXPECT_TRUE(has(refused.err, "the checkpoint is of another experiment, model or plugin"));
    EXPECT_TRUE(has(refused.err, "expected: " + wanted));
    EXPECT_TRUE(has(refused.err, "received: " + wanted + found));
  }
  fs::remove_all(own);  // the hint
  finish_and_compare();
}

TEST_F(FaultTest, CheckpointsAreVerifiedAndCompared) {
  Process process(stet_words(run_words({"--jobs", "1", "--set", "checkpoint.seconds=0.01"})), mine_.path());
  while (process.running() && (!fs::exists(mine_ / "runs") || checkpoints_in(mine_ / "runs").size() < 2)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  process.signal(SIGTERM);
  ASSERT_TRUE(ended_with(process.wait(), 75));
  const std::vector<fs::path> two = checkpoints_in(mine_ / "runs");
  ASSERT_EQ(two.size(), 2U);
  const auto checkpoint = [&](const Words& words) {
    Words all = {"checkpoint"};
    all.insert(all.end(), words.begin(), words.end());
    return stet(mine_.path(), all);
  };
  const Outcome whole = checkpoint({"verify", "runs"});
  EXPECT_TRUE(ended_with(whole, 0));
  EXPECT_TRUE(has(whole.out, "2 whole, 0 broken"));
  const Outcome same = checkpoint({"diff", two[0].string(), two[0].string()});
  EXPECT_TRUE(ended_with(same, 0));
  EXPECT_TRUE(has(same.out, "bit for bit"));
  const Outcome other = checkpoint({"diff", two[0].string(), two[1].string()});
  EXPECT_TRUE(ended_with(other, 1));
  EXPECT_TRUE(has(other.out, "values differ, by at most"));
  const fs::path part = find_all(two[0], "part-0-of-1.safetensors").front();
  std::string bytes = read(part);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write(part, bytes);
  const Outcome broken = checkpoint({"verify", "runs"});
  EXPECT_TRUE(ended_with(broken, 5));
  EXPECT_TRUE(has(broken.out, "1 whole, 1 broken"));
  EXPECT_TRUE(ended_with(checkpoint({"verify", (mine_ / "nowhere").string()}), 5));
  finish_and_compare();  // from the other one
}

TEST_F(FaultTest, ASignalAtAnyMomentOfTheStartIsHeard) {
  std::size_t next = 0;
  for (const int milliseconds : {0, 20, 60, 150, 300, 600, 1000}) {
    for (const Words& more : {Words{"--jobs", "1"}, Words{"--worker"}}) {
      const int number = std::array{SIGTERM, SIGHUP, SIGUSR2, SIGINT}[next++ % 4];
      Process process(stet_words(run_words(more)), mine_.path());
      std::this_thread::sleep_for(
          std::chrono::milliseconds(milliseconds + 15));  // the test's own fork, the launcher's first line
      process.signal(number);
      const Outcome stopped = process.wait();
      ASSERT_EQ(stopped.signal, 0) << milliseconds << " ms, signal " << number;
      ASSERT_TRUE(ended_with(stopped, 75)) << milliseconds << " ms, signal " << number;
    }
  }
  finish_and_compare();
}

TEST_F(FaultTest, ACheckpointMayBeAskedForAndTheRunGoesOn) {
  Process process(stet_words(run_words({"--jobs", "1", "--set", "checkpoint.seconds=1e6"})), mine_.path());
  bool seen = false;
  while (process.running() && !seen) {
    if (fs::exists(mine_ / "runs")) process.signal(SIGUSR1);  // else the test's own fork may still get it
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    seen = !checkpoints_in(mine_.path()).empty();
  }
  EXPECT_TRUE(seen);
  const Outcome finished = process.wait();
  ASSERT_TRUE(ended_with(finished, 0));
  EXPECT_EQ(finished.out, first_->out);
}

TEST_F(FaultTest, TheClockStopsARun) {
  const Outcome stopped = Process(stet_words(run_words()), mine_.path(), {{"STET_STOP_AT", "1764500000"}}).wait();
  ASSERT_TRUE(ended_with(stopped, 75));
  EXPECT_TRUE(has(stopped.err, "stopped by the clock (STET_STOP_AT)"));
  finish_and_compare();
  const Outcome wrong = Process(stet_words(run_words()), mine_.path(), {{"STET_STOP_AT", "soon"}}).wait();
  ASSERT_TRUE(ended_with(wrong, 2));
  EXPECT_TRUE(has(wrong.err, "bad environment variable STET_STOP_AT"));
}

TEST_F(FaultTest, MetricsGrowWhileTheRunGoesOnAndAreNoPartOfACheckpoint) {
  Process process(stet_words(run_words({"--jobs", "1"})), mine_.path());
  while (process.running() && checkpoints_in(mine_.path()).empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  process.signal(SIGTERM);
  ASSERT_TRUE(ended_with(process.wait(), 75));
  const std::vector<fs::path> kept = checkpoints_in(mine_.path());
  ASSERT_FALSE(kept.empty());
  const fs::path task = kept.back().parent_path().parent_path();
  const std::string lines = read(task / "metrics.jsonl");
  EXPECT_TRUE(has(lines, "{\"step\":1,"));
  EXPECT_FALSE(contains(read(kept.back() / "manifest.json"), "grad_norm"));
  // What a killed run wrote after its checkpoint is cut: the numbers come a second time.
  write(task / "metrics.jsonl", lines + "{\"step\":99999999,\"loss\":1}\n{\"step\":");
  finish_and_compare();
}

TEST_F(FaultTest, TwoProgramsFinishOneExperimentTogether) {
  Process one(stet_words(run_words()), mine_.path()), two(stet_words(run_words()), mine_.path());
  const Outcome first = one.wait(), second = two.wait();
  ASSERT_TRUE(ended_with(first, 0));
  ASSERT_TRUE(ended_with(second, 0));
  EXPECT_EQ(first.out, first_->out);
  EXPECT_EQ(second.out, first_->out);
  expect_undisturbed();
}

TEST_F(FaultTest, LockFilesServeWhereThereIsNoFlock) {
  const std::map<std::string, std::string> by_files = {{"STET_LOCKS", "files"}};
  Process killed(stet_words(run_words()), mine_.path(), by_files);
  while (killed.running() && checkpoints_in(mine_.path()).empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  killed.kill_tree();
  EXPECT_FALSE(find_all(mine_.path(), "lock.held").empty());
  Process one(stet_words(run_words()), mine_.path(), by_files), two(stet_words(run_words()), mine_.path(), by_files);
  ASSERT_TRUE(ended_with(one.wait(), 0));
  ASSERT_TRUE(ended_with(two.wait(), 0));
  EXPECT_TRUE(find_all(mine_.path(), "lock.held").empty());
  expect_undisturbed();
  const Outcome misspelt = stet(mine_.path(), run_words(), {{"STET_LOCKS", "file"}});
  ASSERT_TRUE(ended_with(misspelt, 2));
  EXPECT_TRUE(has(misspelt.err, "STET_LOCKS"));
}

TEST_F(FaultTest, AnotherProgramTakesOverWhatAKilledOneHeld) {
  copy_base();
  Process killed(stet_words(run_words()), mine_.path());
  while (killed.running() &&
         (!fs::exists(mine_ / "runs" / "fault") || checkpoints_in(mine_ / "runs" / "fault").empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Process other(stet_words(run_words()), mine_.path());
  killed.kill_tree();
  ASSERT_TRUE(ended_with(other.wait(), 0));
  expect_undisturbed();
}

#ifdef STET_MPIEXEC
TEST_F(FaultTest, RanksThatDieTogetherOrAloneGoOnWithAnyNumber) {
  copy_base();
  for (const std::string fault : {"kill:run.step=13", "kill:checkpoint.rename=1"}) {
    const Outcome killed = mpi_stet(2, mine_.path(), run_words(), {{"STET_FAULT", fault}});
    EXPECT_NE(killed.code, 0) << fault;
    ASSERT_FALSE(checkpoints_in(mine_ / "runs").empty()) << fault << "\n" << killed.err;
  }
  // One rank of two dies in the middle of its part.
  Words alone = {STET_MPIEXEC, "--oversubscribe", "-n", "1", stet_program()};
  for (const std::string& word : run_words()) alone.push_back(word);
  for (const std::string& word :
       Words{":", "-n", "1", "/usr/bin/env", "STET_FAULT=kill:checkpoint.part", stet_program()})
    alone.push_back(word);
  for (const std::string& word : run_words()) alone.push_back(word);
  const Outcome half = Process(alone, mine_.path()).wait();
  EXPECT_NE(half.code, 0);
  // It died there and nowhere else: its part of a checkpoint was not finished. (What mpirun says of it differs by
  // version.)
  const auto half_written = [this] {
    for (const auto& entry : fs::recursive_directory_iterator(mine_ / "runs")) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.starts_with("step-") && name.ends_with(".tmp")) return true;
    }
    return false;
  };
  EXPECT_TRUE(half_written());
  const Outcome finished = mpi_stet(2, mine_.path(), run_words());
  ASSERT_TRUE(ended_with(finished, 0));
  EXPECT_EQ(finished.out, first_->out);
  expect_undisturbed();
}

TEST_F(FaultTest, ASignalThatTheLauncherPassesOnStopsAllRanks) {
  Process process(on_ranks(2, run_words()), mine_.path());
  while (process.running() && (!fs::exists(mine_ / "runs") || checkpoints_in(mine_ / "runs").empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  process.signal(SIGUSR2);  // what Slurm sends before the time is up; mpirun forwards it
  const Outcome stopped = process.wait();
  ASSERT_TRUE(ended_with(stopped, 75));
  EXPECT_EQ(count_of(stopped.err, "the same command goes on from here"), 1U);
  finish_and_compare();
}

TEST_F(FaultTest, RanksKilledWithTheirLauncherAreTakenUpByOneProcess) {
  Process process(on_ranks(2, run_words()), mine_.path());
  while (process.running() && (!fs::exists(mine_ / "runs") || checkpoints_in(mine_ / "runs").empty())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_TRUE(process.running());
  process.kill_tree();
  finish_and_compare();
}
#endif

}  // namespace
}  // namespace stet::e2e
