// The same experiment where something goes wrong or is left in the middle, and on several ranks.
#include "miniature.hpp"

#include <cmath>
#include <csignal>

namespace stet::e2e {
namespace {

TEST_F(MiniatureTest, ARunThatDivergesFailsAloneAndIsTriedAgain) {
  copy_results({"sft", "l2_sp"});
  const Outcome failed = stet(mine_.path(), {"run", file, "--set", "arm.sft.train.weight_decay=1e38"});
  ASSERT_TRUE(ended_with(failed, 6));
  for (const std::string part :
       {"sft seed 1 failed", "sft seed 2 failed", "not finite",
        "arm sft, seed 1, phase 'format' on known, step 1 of the run", "lower train.learning_rate"}) {
    EXPECT_TRUE(has(failed.err, part));
  }
  for (const std::string arm : {"l2_sp", "known_only"})
    EXPECT_TRUE(fs::exists(run_folder(mine_ / "runs", arm, 2) / "finished.json")) << arm;
  EXPECT_TRUE(has(failed.out, "2 of 10 runs are not finished"));
  EXPECT_EQ(find_all(mine_ / "runs", "failed.json").size(), 2U);
  // What is mended runs, and nothing else.
  const Outcome mended = stet(mine_.path(), {"run", file});
  ASSERT_TRUE(ended_with(mended, 0));
  EXPECT_TRUE(has(mended.err, "10 runs (8 finished)"));
  EXPECT_EQ(my_csv(), csv());
}

TEST_F(MiniatureTest, ADivergingBaseEndsTheExperiment) {
  const Outcome failed = stet(mine_.path(), {"run", file, "--set", "pretrain.train.weight_decay=1e38"});
  ASSERT_TRUE(ended_with(failed, 6));
  EXPECT_TRUE(has(failed.err, "pre-training of base 1"));
  EXPECT_TRUE(has(failed.err, "lower pretrain.train.learning_rate"));
  EXPECT_TRUE(has(failed.out, "10 of 10 runs are not finished"));
}

TEST_F(MiniatureTest, ACheckpointCanBeInspectedAndTheRunGoesOnFromIt) {
  copy_results({"l2_sp"});
  const Outcome killed = stet(mine_.path(),
                              {"run", file, "--set", "checkpoint.seconds=0", "--set", "checkpoint.keep=1", "--set",
                               "checkpoint.asynchronous=false", "--worker"},
                              {{"STET_FAULT", "kill:step=15"}});
  ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
  const std::vector<fs::path> checkpoints = find_all(mine_ / "runs", "checkpoints");
  ASSERT_EQ(checkpoints.size(), 1U);
  for (const fs::path& folder : {checkpoints[0], checkpoints[0] / "step-14"}) {
    const Outcome inspected = stet(mine_.path(), {"checkpoint", "inspect", folder.string()});
    ASSERT_TRUE(ended_with(inspected, 0));
    EXPECT_TRUE(has(inspected.out, "step-14: whole; step 14, written by 1 ranks"));
    EXPECT_TRUE(has(inspected.out, "moment1"));
    EXPECT_TRUE(has(inspected.out, "snapshot.format"));
  }
  const fs::path part = checkpoints[0] / "step-14" / "part-0-of-1.safetensors";
  std::string bytes = read(part);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write(part, bytes);
  const Outcome broken = stet(mine_.path(), {"checkpoint", "inspect", checkpoints[0].string()});
  EXPECT_TRUE(ended_with(broken, 5));
  EXPECT_TRUE(has(broken.err, "part-0-of-1.safetensors has another checksum"));
  // A broken checkpoint is no reason to fail either: the run begins anew.
  const Outcome again = stet(mine_.path(), {"run", file});
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_TRUE(has(again.err, "is skipped"));
  EXPECT_EQ(my_csv(), csv());
}

#ifdef STET_MPIEXEC
TEST_F(MiniatureTest, MicroShardsMakeTheSameBitsOnAnyNumberOfRanks) {
  const Words arguments = {"run",   file,
                           "--set", "train.micro_shards=4",
                           "--set", "pretrain.train.micro_shards=4",
                           "--set", "pretrain.epochs=20",
                           "--set", "experiment.seeds=1"};
  const Folder two, four;
  const Outcome alone = stet(mine_.path(), arguments);
  ASSERT_TRUE(ended_with(alone, 0));
  for (const auto& [folder, ranks] : {std::pair{&two, 2}, std::pair{&four, 4}}) {
    const Outcome together = mpi_stet(ranks, folder->path(), arguments);
    ASSERT_TRUE(ended_with(together, 0));
    EXPECT_EQ(together.out, alone.out) << ranks;
    EXPECT_FALSE(contains(together.err, "\r")) << ranks;
    for (const std::string name :
         {"table.csv", "model.safetensors", "knowledge.safetensors", "outcomes.safetensors", "measurements.csv"}) {
      const auto ours = files_named(folder->path(), name), reference = files_named(mine_.path(), name);
      EXPECT_FALSE(reference.empty()) << name;
      EXPECT_TRUE(ours == reference) << name << " at " << ranks << " ranks";
    }
    EXPECT_TRUE(
        has(read(run_folder(*folder / "runs", "sft", 1) / "finished.json"), "\"ranks\": " + std::to_string(ranks)));
  }
}

TEST_F(MiniatureTest, WithoutThemTwoRanksAreClose) {
  copy_base();
  const Outcome together = mpi_stet(2, mine_.path(), {"run", file, "--set", "experiment.seeds=1"});
  ASSERT_TRUE(ended_with(together, 0));
  for (const std::string& arm : arms) {
    const std::vector<double> two = first_losses(run_folder(mine_ / "runs", arm, 1) / "metrics.jsonl", 10),
                              one = first_losses(run_folder(*shared_ / "runs", arm, 1) / "metrics.jsonl", 10);
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_NEAR(two[i], one[i], 1e-5 * std::abs(one[i])) << arm << ", step " << i + 1;
  }
}

TEST_F(MiniatureTest, FailuresOnRanksEndWithOneMessageAndTheirCode) {
  copy_results({"sft"});
  const Outcome diverged = mpi_stet(
      2, mine_.path(), {"run", file, "--set", "arm.sft.train.weight_decay=1e38", "--set", "experiment.seeds=1"});
  ASSERT_TRUE(ended_with(diverged, 6));
  EXPECT_EQ(count_of(diverged.err, "sft seed 1 failed"), 1U);
  EXPECT_TRUE(has(diverged.out, "1 of 5 runs are not finished"));
  const Outcome misspelt = mpi_stet(2, mine_.path(), {"run", file, "--set", "train.learning_rat=1"});
  ASSERT_TRUE(ended_with(misspelt, 2));
  EXPECT_EQ(count_of(misspelt.err, "did you mean 'learning_rate'?"), 1U);
}
#endif

}  // namespace
}  // namespace stet::e2e
