// A whole experiment through the program: run, run again, tables, plans, failures, several ranks.
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <sstream>

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/e2e/miniature.toml";
const Words arms = {"known_only", "sft", "self_distillation", "attention_only", "l2_sp"};

/// The first numbers of one kind in metrics.jsonl.
std::vector<double> first_losses(const fs::path& metrics, std::size_t count) {
  std::vector<double> losses;
  std::istringstream lines(read(metrics));
  for (std::string line; losses.size() < count && std::getline(lines, line);)
    losses.push_back(nlohmann::json::parse(line).at("loss").get<double>());
  EXPECT_EQ(losses.size(), count) << metrics;
  return losses;
}

/// The experiment is run once; tests that change something work on a copy of its results.
class MiniatureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Folder;
    first_ = new Outcome(stet(shared_->path(), {"run", file}));
  }
  static void TearDownTestSuite() {
    delete first_;
    delete shared_;
  }

  void SetUp() override { ASSERT_TRUE(ended_with(*first_, 0)); }

  /// A folder with results of its own: all of them, or without those of some arms.
  void copy_results(const Words& without = {}) {
    fs::copy(*shared_ / "runs", mine_ / "runs", fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(mine_ / "runs" / "miniature" / "runs")) {
      const std::string name = entry.path().filename().string();
      for (const std::string& arm : without) {
        if (name.starts_with(arm + "-s")) fs::remove_all(entry.path());
      }
    }
  }
  /// The base model alone.
  void copy_base() {
    fs::create_directories(mine_ / "runs");
    fs::copy(*shared_ / "runs" / ".bases", mine_ / "runs" / ".bases", fs::copy_options::recursive);
  }

  static fs::path run_folder(const fs::path& results, const std::string& arm, int seed) {
    for (const auto& entry : fs::directory_iterator(results / "miniature" / "runs")) {
      if (entry.path().filename().string().starts_with(arm + "-s" + std::to_string(seed) + "-")) return entry.path();
    }
    ADD_FAILURE() << "no run of " << arm << ", seed " << seed << " in " << results;
    return results;
  }

  static std::map<std::string, fs::file_time_type> finish_times(const fs::path& folder) {
    std::map<std::string, fs::file_time_type> times;
    for (const fs::path& path : find_all(folder, "finished.json"))
      times[fs::relative(path, folder).string()] = fs::last_write_time(path);
    return times;
  }

  static std::string csv() { return read(*shared_ / "runs" / "miniature" / "table.csv"); }
  [[nodiscard]] std::string my_csv() const { return read(mine_ / "runs" / "miniature" / "table.csv"); }

  Folder mine_;
  static inline Folder* shared_ = nullptr;
  static inline Outcome* first_ = nullptr;
};

TEST_F(MiniatureTest, TheBaseIsExportedAndContinued) {
  const std::vector<fs::path> weights = find_all(*shared_ / "runs" / ".bases", "model.safetensors");
  ASSERT_FALSE(weights.empty());
  const std::string base = weights[0].parent_path().string();
  const Outcome exported = stet(mine_.path(), {"export", base, "exported"});
  ASSERT_TRUE(ended_with(exported, 0));
  EXPECT_TRUE(has(exported.out, "exported: llama, "));
  EXPECT_EQ(read(mine_ / "exported" / "tokenizer.json"), read(base + "/tokenizer.json"));
  EXPECT_EQ(nlohmann::json::parse(read(mine_ / "exported" / "config.json")).at("model_type"), "llama");
  const Outcome ours = stet(mine_.path(), {"generate", base, "--prompt", "the", "--max-tokens", "8"});
  const Outcome theirs = stet(mine_.path(), {"generate", "exported", "--prompt", "the", "--max-tokens", "8"});
  ASSERT_TRUE(ended_with(ours, 0));
  EXPECT_EQ(ours.out, theirs.out);
}

TEST_F(MiniatureTest, AFinishedRunKeepsItsModelWhereAsked) {
  copy_results();
  const fs::path run = run_folder(mine_ / "runs", "sft", 1);
  const Outcome none = stet(mine_.path(), {"export", run.string(), "exported"});
  ASSERT_TRUE(ended_with(none, 3));
  EXPECT_TRUE(has(none.err, "--set checkpoint.keep_weights=true"));
  fs::remove_all(run);
  const Outcome again = stet(mine_.path(), {"run", file, "--set", "checkpoint.keep_weights=true"});
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_EQ(my_csv(), csv());
  EXPECT_TRUE(has(again.err, "9 runs were finished without checkpoint.keep_weights"));
  ASSERT_TRUE(ended_with(stet(mine_.path(), {"export", run.string(), "exported"}), 0));
  const fs::path base = find_all(mine_ / "runs" / ".bases", "model.safetensors").at(0).parent_path();
  EXPECT_EQ(read(run / "tokenizer.json"), read(base / "tokenizer.json"));
  EXPECT_NE(read(run / "model.safetensors"), read(base / "model.safetensors"));
  const Outcome ours = stet(mine_.path(), {"generate", run.string(), "--prompt", "the", "--max-tokens", "8"});
  const Outcome theirs = stet(mine_.path(), {"generate", "exported", "--prompt", "the", "--max-tokens", "8"});
  ASSERT_TRUE(ended_with(ours, 0));
  EXPECT_EQ(ours.out, theirs.out);
  // Another experiment takes the run with its model, and makes those anew that have none.
  const Outcome other = stet(mine_.path(), {"run", file, "--set", "checkpoint.keep_weights=true", "--set",
                                            "experiment.name=other", "--set", "experiment.seeds=1"});
  ASSERT_TRUE(ended_with(other, 0));
  EXPECT_EQ(find_all(mine_ / "runs" / "other", "model.safetensors").size(), arms.size());
}

TEST_F(MiniatureTest, RunsToItsTable) {
  for (const std::string label : {"known facts only", "SFT", "self-distillation", "attention only", "L2 to the start",
                                  "Forgetting", "Held, before"}) {
    EXPECT_TRUE(has(first_->out, label));
  }
  EXPECT_TRUE(has(first_->out, "Self-distillation forgets less than"));
  EXPECT_FALSE(contains(first_->out, "not finished"));
  const fs::path folder = *shared_ / "runs" / "miniature";
  for (const std::string name : {"table.md", "table.tex", "table.csv", "certification.md", "plan.toml"})
    EXPECT_FALSE(read(folder / name).empty()) << name;
  EXPECT_TRUE(has(read(folder / "certification.md"), "guessing within the answer pool"));
  EXPECT_EQ(find_all(folder, "finished.json").size(), 10U);
  for (const std::string& arm : arms) {
    for (const int seed : {1, 2}) {
      const fs::path run = run_folder(*shared_ / "runs", arm, seed);
      for (const std::string name : {"run.toml", "metrics.jsonl", "outcomes.safetensors", "manifest.txt"})
        EXPECT_FALSE(read(run / name).empty()) << run << name;
      EXPECT_TRUE(has(read(run / "measurements.csv"), "drift,drift,held,0,"));
    }
  }
  // Nothing is left that only a run under way needs.
  EXPECT_TRUE(find_all(*shared_ / "runs", "checkpoints").empty());
  EXPECT_TRUE(find_all(*shared_ / "runs", "failed.json").empty());
  for (const auto& entry : fs::recursive_directory_iterator(*shared_ / "runs")) {
    const std::string name = entry.path().filename().string();
    EXPECT_FALSE(contains(name, ".tmp") || name.starts_with(".status")) << entry.path();
  }
}

TEST_F(MiniatureTest, WritesPlainLinesWhereThereIsNoTerminal) {
  EXPECT_FALSE(contains(first_->err, "\r"));
  EXPECT_FALSE(contains(first_->err, "\033"));
  EXPECT_FALSE(contains(first_->out, "\033"));
  EXPECT_TRUE(has(first_->err, "1 base models, 10 runs (0 finished)"));
  EXPECT_TRUE(has(first_->err, "table.csv are in runs/miniature"));
}

TEST_F(MiniatureTest, RecordsWhatTrainedAndUnderWhichPenalty) {
  const std::string frozen = read(run_folder(*shared_ / "runs", "attention_only", 1) / "manifest.txt");
  EXPECT_EQ(count_of(frozen, "phase format: "), 1U);
  EXPECT_EQ(count_of(frozen, "phase facts: "), 1U);
  EXPECT_TRUE(has(frozen, "  trains model.layers.1.self_attn.q_proj.weight"));
  EXPECT_TRUE(has(frozen, "  frozen model.layers.0.mlp.down_proj.weight"));
  EXPECT_TRUE(has(frozen, "  frozen model.embed_tokens.weight"));
  const std::string plain = read(run_folder(*shared_ / "runs", "sft", 1) / "manifest.txt");
  EXPECT_TRUE(has(plain, "(100.0 %)"));
  std::istringstream lines(read(run_folder(*shared_ / "runs", "self_distillation", 1) / "metrics.jsonl"));
  std::size_t penalized = 0, step = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.at("step").get<std::size_t>(), ++step);
    const bool facts = json.at("phase") == "facts";
    EXPECT_EQ(json.contains("self_distillation"), facts) << line;
    if (!facts) continue;
    ++penalized;
    EXPECT_NEAR(json.at("loss").get<double>(),
                json.at("task_loss").get<double>() + json.at("self_distillation").get<double>(), 1e-6)
        << line;
  }
  EXPECT_EQ(penalized, 18U);  // 6 epochs of 22 facts in batches of 8
  // All arms start from the same base, and go apart with the phase that differs.
  const fs::path sft = run_folder(*shared_ / "runs", "sft", 1),
                 kl = run_folder(*shared_ / "runs", "self_distillation", 1);
  EXPECT_EQ(first_losses(sft / "metrics.jsonl", 2), first_losses(kl / "metrics.jsonl", 2));
}

TEST_F(MiniatureTest, ScoringAllSetsLessOftenMovesNoPlateau) {
  copy_base();
  ASSERT_TRUE(ended_with(stet(mine_.path(), {"run", file, "--set", "evaluate.every_epochs=3"}), 0));
  for (const std::string arm : {"sft", "self_distillation"}) {
    const fs::path often = run_folder(*shared_ / "runs", arm, 1), rarely = run_folder(mine_ / "runs", arm, 1);
    EXPECT_EQ(read(rarely / "metrics.jsonl"), read(often / "metrics.jsonl"));  // the same steps, with the same losses
    const std::string all = read(often / "measurements.csv"), some = read(rarely / "measurements.csv");
    EXPECT_LT(count_of(some, "\ndrift,drift,held,1,"), count_of(all, "\ndrift,drift,held,1,"));
    // Each phase's last evaluation is there all the same.
    for (const char* phase : {",format,", ",facts,"}) {
      const auto last_line = [phase](const std::string& csv) {  // up to the phase: probe, name, set, layer, step
        const std::size_t end = csv.rfind(phase), begin = csv.rfind('\n', end);
        return csv.substr(begin, end - begin);
      };
      EXPECT_EQ(last_line(some), last_line(all)) << phase;
    }
  }
}

TEST_F(MiniatureTest, ASecondRunDoesNothingAndSaysTheSame) {
  const auto before = finish_times(*shared_ / "runs");
  const Outcome again = stet(shared_->path(), {"run", file});
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_EQ(again.out, first_->out);
  EXPECT_TRUE(has(again.err, "10 runs (10 finished)"));
  EXPECT_EQ(finish_times(*shared_ / "runs"), before);
}

TEST_F(MiniatureTest, OnlyADeletedRunIsComputedAgainAndGivesTheSameBytes) {
  copy_results();
  const fs::path gone = run_folder(mine_ / "runs", "self_distillation", 2);
  const std::string outcomes = read(gone / "outcomes.safetensors"), measurements = read(gone / "measurements.csv"),
                    manifest = read(gone / "manifest.txt");
  fs::remove_all(gone);
  const auto before = finish_times(mine_ / "runs");
  const Outcome again = stet(mine_.path(), {"run", file});
  ASSERT_TRUE(ended_with(again, 0));
  auto after = finish_times(mine_ / "runs");
  EXPECT_EQ(after.size(), before.size() + 1);
  EXPECT_EQ(after.erase(fs::relative(gone / "finished.json", mine_ / "runs").string()), 1U);
  EXPECT_EQ(after, before);
  EXPECT_EQ(my_csv(), csv());
  EXPECT_EQ(again.out, first_->out);
  EXPECT_EQ(read(gone / "outcomes.safetensors"), outcomes);
  EXPECT_EQ(read(gone / "measurements.csv"), measurements);
  EXPECT_EQ(read(gone / "manifest.txt"), manifest);
}

TEST_F(MiniatureTest, AnotherExperimentUsesTheSameRunsAndWritesWhereTheyCameFrom) {
  copy_results();
  const auto before = finish_times(mine_ / "runs");
  const Outcome other =
      stet(mine_.path(), {"run", file, "--set", "experiment.name=other", "--results", (mine_ / "results").string()});
  ASSERT_TRUE(ended_with(other, 0));
  EXPECT_EQ(finish_times(mine_ / "runs").size(), before.size() + 10);
  EXPECT_EQ(read(mine_ / "runs" / "other" / "table.csv"), csv());
  EXPECT_EQ(read(mine_ / "results" / "other.csv"), read(mine_ / "runs" / "other" / "table.csv"));
  const std::string text = read(mine_ / "results" / "other.md");
  for (const char* part :
       {"| SFT |", "10 of 10 runs on 1 of 1 base models", "commit ", "wall time ", "processor time ", "libtorch "}) {
    EXPECT_TRUE(has(text, part));
  }
}

TEST_F(MiniatureTest, PrintsTheTableInEveryFormat) {
  const fs::path folder = *shared_ / "runs" / "miniature";
  for (const auto& [format, name] :
       std::map<std::string, std::string>{{"latex", "table.tex"}, {"csv", "table.csv"}, {"markdown", "table.md"}}) {
    const Outcome table = stet(shared_->path(), {"table", file, "--format", format});
    ASSERT_TRUE(ended_with(table, 0));
    EXPECT_EQ(table.out, read(folder / name)) << format;
  }
  EXPECT_TRUE(has(read(folder / "table.tex"), "\\begin{tabular}"));
  EXPECT_TRUE(has(read(folder / "table.md"), "| SFT |"));
  EXPECT_TRUE(has(read(folder / "table.csv"), "cell,sft,SFT,"));
  EXPECT_TRUE(ended_with(stet(shared_->path(), {"table", file, "--format", "word"}), 2));
}

TEST_F(MiniatureTest, ATableBeforeAnyRunSaysThatNothingIsFinished) {
  const Outcome table = stet(mine_.path(), {"table", file});
  ASSERT_TRUE(ended_with(table, 0));
  EXPECT_TRUE(has(table.out, "10 of 10 runs are not finished"));
  EXPECT_TRUE(has(table.out, "n/a"));
}

TEST_F(MiniatureTest, ThePlanKnowsWhatIsFinishedAndWhatAChangeCosts) {
  const Outcome all = stet(shared_->path(), {"plan", file, "--no-estimate"});
  ASSERT_TRUE(ended_with(all, 0));
  EXPECT_EQ(count_of(all.out, " finished\n"), 11U);
  EXPECT_TRUE(has(all.out, "runs: 10 (10 finished)"));
  EXPECT_TRUE(has(all.out, "seeds: 2; the table's claims get a verdict from 6 on"));

  const Outcome changed =
      stet(shared_->path(), {"plan", file, "--set", "arm.sft.train.learning_rate=2e-3", "--set", "experiment.seeds=3"});
  ASSERT_TRUE(ended_with(changed, 0));
  EXPECT_TRUE(has(changed.out, "base models: 1 (1 finished)"));
  EXPECT_TRUE(has(changed.out, "runs: 15 (8 finished)"));
  EXPECT_EQ(count_of(changed.out, " to run\n"), 7U);  // three of sft, one of every other arm
  EXPECT_TRUE(has(changed.out, "tokens/s"));
  EXPECT_TRUE(has(changed.out, "parameters; memory of one process"));

  const Outcome other_base = stet(shared_->path(), {"plan", file, "--no-estimate", "--set", "model.width=16"});
  ASSERT_TRUE(ended_with(other_base, 0));
  EXPECT_TRUE(has(other_base.out, "base models: 1 (0 finished)"));
  EXPECT_TRUE(has(other_base.out, "runs: 10 (0 finished)"));
}

TEST_F(MiniatureTest, TheResolvedPlanIsAnExperimentWithTheSameRuns) {
  const Outcome resolved = stet(shared_->path(), {"plan", file, "--resolved"});
  ASSERT_TRUE(ended_with(resolved, 0));
  EXPECT_TRUE(has(resolved.out, "beta2 = 0.95"));
  EXPECT_TRUE(has(resolved.out, "biases = true"));  // a plugin's default
  write(mine_ / "resolved.toml", resolved.out);
  const fs::path out = *shared_ / "runs";
  const Outcome plan =
      stet(shared_->path(), {"plan", (mine_ / "resolved.toml").string(), "--no-estimate", "--out", out.string()});
  ASSERT_TRUE(ended_with(plan, 0));
  EXPECT_TRUE(has(plan.out, "base models: 1 (1 finished)"));
  EXPECT_TRUE(has(plan.out, "runs: 10 (10 finished)"));
  const Outcome twice = stet(shared_->path(), {"plan", (mine_ / "resolved.toml").string(), "--resolved"});
  ASSERT_TRUE(ended_with(twice, 0));
  EXPECT_EQ(twice.out, resolved.out);
}

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
  const Outcome killed =
      stet(mine_.path(), {"run", file, "--set", "checkpoint.seconds=0", "--set", "checkpoint.keep=1", "--worker"},
           {{"STET_FAULT", "run.step:15"}});
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
