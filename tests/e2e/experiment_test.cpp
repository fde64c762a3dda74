// A whole experiment through the program: run, run again, tables, plans.
#include "miniature.hpp"

#include <nlohmann/json.hpp>

#include <sstream>

namespace stet::e2e {
namespace {

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
  EXPECT_TRUE(has(first_->out, "Self-distillation forgets less"));
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

}  // namespace
}  // namespace stet::e2e
