// [base] folder: an experiment that starts from a model which somebody else trained. Here: an exported base of our own.
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace stet::e2e {
namespace {

/// The shares of the categories do not matter here: the tiny base knows little.
const std::string text = R"(
[experiment]
name = "given"
seeds = 2
[data]
world = "synthetic"
[data.synthetic]
entities = 40
relations = 2
answers_min = 8
answers_max = 12
countries = 8
first_names = 12
last_names = 16
new_entities = 12
[base]
folder = "models/stranger"
[slick]
prompts = 1
shots = 0
samples = 2
separator = "<|endoftext|>"
[sets]
labels = "slick"
categories = ["HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown"]
known = 10
unknown = 8
held = 12
validation = 6
[train]
batch_size = 8
learning_rate = 1e-3
[[phase]]
name = "format"
sets = ["known"]
[[phase]]
name = "facts"
sets = ["known", "unknown"]
epochs = 2
[[arm]]
name = "sft"
[[arm]]
name = "self_distillation"
[arm.regularizer.self_distillation]
phases = ["facts"]
teacher = "format"
[table]
title = "A base from a folder"
[[table.column]]
label = "Unknown"
set = "unknown"
[[table.column]]
label = "Forgetting"
set = "held"
measure = "forgetting"
)";

/// The values of one tensor of a safetensors file.
std::vector<float> floats_of(const std::string& file, const char* name) {
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof(header));
  const nlohmann::json offsets = nlohmann::json::parse(file.substr(8, header)).at(name).at("data_offsets");
  const auto begin = offsets.at(0).get<std::size_t>(), bytes = offsets.at(1).get<std::size_t>() - begin;
  std::vector<float> values(bytes / sizeof(float));
  std::memcpy(values.data(), file.data() + 8 + header + begin, bytes);
  return values;
}

class GivenBaseTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = new Folder;
    Outcome made = stet(source_->path(), {"run", STET_SOURCE_DIR "/tests/e2e/miniature.toml", "--bases-only"});
    if (made.code == 0)
      made = stet(source_->path(), {"export", find_all(*source_ / "runs", "base.toml").front().parent_path().string(),
                                    (*source_ / "stranger").string()});
    made_ = new Outcome(made);
  }
  static void TearDownTestSuite() {
    delete made_;
    delete source_;
  }
  void SetUp() override {
    ASSERT_TRUE(ended_with(*made_, 0));
    fs::create_directory(folder_ / "models");
    fs::copy(*source_ / "stranger", folder_ / "models/stranger");
    write(folder_ / "e.toml", text);
  }

  Outcome run(Words words) {
    words.insert(words.begin() + 1, "e.toml");
    return stet(folder_.path(), words);
  }
  /// Another model of the same shape: bits of its last byte turned over. Never half written.
  void change(const std::string& model, int bits = 1) {
    const fs::path weights = folder_ / "models" / model / "model.safetensors";
    std::string bytes = read(weights);
    bytes.back() = static_cast<char>(bytes.back() ^ bits);
    write(folder_ / "new", bytes);
    fs::rename(folder_ / "new", weights);
  }
  std::size_t finished() const { return find_all(folder_ / "runs/given/runs", "finished.json").size(); }

  static inline Folder* source_ = nullptr;
  static inline Outcome* made_ = nullptr;
  Folder folder_;
};

TEST_F(GivenBaseTest, IsLabelledFineTunedAndTabled) {
  const Outcome plan = run({"plan"});
  ASSERT_TRUE(ended_with(plan, 0));
  EXPECT_TRUE(has(plan.out, "to read from"));
  const Outcome all = run({"run", "--jobs", "2"});
  ASSERT_TRUE(ended_with(all, 0));
  EXPECT_TRUE(has(all.out, "A base from a folder"));
  EXPECT_EQ(finished(), 4U);
  // Where it lies does not matter, what it holds does.
  fs::rename(folder_ / "models/stranger", folder_ / "moved");
  ASSERT_TRUE(ended_with(run({"run", "--set", "base.folder=\"moved\""}), 0));
  EXPECT_EQ(finished(), 4U);
  EXPECT_TRUE(ended_with(run({"run"}), 2));
  fs::create_directory(folder_ / "elsewhere");
  fs::rename(folder_ / "moved", folder_ / "elsewhere/moved");
  const Words there = {"run", "e.toml", "--set", "base.folder=\"moved\""};
  ASSERT_TRUE(ended_with(stet(folder_.path(), there, {{"STET_MODELS", (folder_ / "elsewhere").string()}}), 0));
  EXPECT_EQ(finished(), 4U);
}

TEST_F(GivenBaseTest, ARunThatKeptItsModelCanBeABase) {
  ASSERT_TRUE(ended_with(run({"run", "--set", "checkpoint.keep_weights=true", "--set", "experiment.seeds=1"}), 0));
  const fs::path first = find_all(folder_ / "runs/given/runs", "model.safetensors").front().parent_path();
  const Outcome next =
      run({"run", "--out", "next", "--set", "base.folder=\"" + first.string() + "\"", "--set", "experiment.seeds=1"});
  ASSERT_TRUE(ended_with(next, 0));
  const fs::path without = find_all(folder_ / "next/given/runs", "run.toml").front().parent_path();
  const Outcome refused = run({"plan", "--set", "base.folder=\"" + without.string() + "\""});
  EXPECT_TRUE(ended_with(refused, 3));
  EXPECT_TRUE(has(refused.err, "checkpoint.keep_weights=true"));
}

TEST_F(GivenBaseTest, WhatWasTrainedGoesHomeInTheFormItCameIn) {
  write(folder_ / "models/stranger/README.md", "A model card.\n");
  ASSERT_TRUE(ended_with(run({"run", "--set", "checkpoint.keep_weights=true", "--set", "experiment.seeds=1", "--set",
                              "freeze.freeze.train=[\"ffn\"]"}),
                         0));
  const fs::path trained = find_all(folder_ / "runs/given/runs", "model.safetensors").front().parent_path();
  ASSERT_TRUE(ended_with(stet(folder_.path(), {"export", trained.string(), "home"}), 0));
  for (const char* same : {"config.json", "tokenizer.json", "README.md"})
    EXPECT_EQ(read(folder_ / "home" / same), read(folder_ / "models/stranger" / same)) << same;
  const std::string before = read(folder_ / "models/stranger/model.safetensors"),
                    after = read(folder_ / "home/model.safetensors");
  ASSERT_EQ(before.size(), after.size());
  EXPECT_NE(before, after);
  // What was frozen has its bytes still: attention, norms and embedding, more than half of them.
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) changed += before[i] != after[i] ? 1 : 0;
  EXPECT_LT(changed, before.size() / 2);
  EXPECT_GT(changed, before.size() / 10);
  ASSERT_TRUE(ended_with(stet(folder_.path(), {"generate", "home", "--prompt", "profession of"}), 0));

  fs::rename(folder_ / "models", folder_ / "moved");
  const Outcome gone = stet(folder_.path(), {"export", trained.string(), "again"});
  EXPECT_TRUE(ended_with(gone, 3));
  EXPECT_TRUE(has(gone.err, "--like FOLDER"));
  ASSERT_TRUE(ended_with(stet(folder_.path(), {"export", trained.string(), "again", "--like", "moved/stranger"}), 0));
  EXPECT_EQ(read(folder_ / "again/model.safetensors"), after);
  const Outcome other = stet(folder_.path(), {"export", trained.string(), "other", "--like", "home"});
  EXPECT_TRUE(ended_with(other, 3));
  EXPECT_TRUE(has(other.err, "did not begin as this model"));
  EXPECT_TRUE(ended_with(stet(folder_.path(), {"export", "home", "x", "--like", "moved/stranger"}), 2));
}

TEST_F(GivenBaseTest, AnAdapterGoesOutAndCanBeABaseAgain) {
  const Words lora = {"--set", "experiment.seeds=1", "--set", "freeze.lora.train=[\"attention\"]"};
  Words words = {"run", "--set", "checkpoint.keep_weights=true"};
  words.insert(words.end(), lora.begin(), lora.end());
  ASSERT_TRUE(ended_with(run(words), 0));
  const fs::path trained = find_all(folder_ / "runs/given/runs", "adapter.safetensors").front().parent_path();
  const Outcome out = stet(folder_.path(), {"export", trained.string(), "adapter", "--adapter"});
  ASSERT_TRUE(ended_with(out, 0));
  EXPECT_TRUE(has(out.out, "a LoRA adapter of 8 matrices"));
  const nlohmann::json settings = nlohmann::json::parse(read(folder_ / "adapter/adapter_config.json"));
  EXPECT_EQ(settings["base_model_name_or_path"], "stranger");
  EXPECT_EQ(settings["r"], 16);  // two phases of rank 8
  EXPECT_EQ(settings["lora_alpha"], 32);
  // As a base: what it begins as is what the run ended as. The next run trains elsewhere, and keeps those matrices.
  const std::string adapter = "base.adapter=\"adapter\"";
  EXPECT_TRUE(has(run({"plan", "--set", adapter}).out, "with the adapter"));
  ASSERT_TRUE(ended_with(run({"run", "--out", "next", "--set", adapter, "--set", "experiment.seeds=1", "--set",
                              "freeze.freeze.train=[\"ffn\"]", "--set", "checkpoint.keep_weights=true"}),
                         0));
  const fs::path next = find_all(folder_ / "next/given/runs", "model.safetensors").front().parent_path();
  const auto query = [](const fs::path& folder) {
    return floats_of(read(folder / "model.safetensors"), "model.layers.0.self_attn.q_proj.weight");
  };
  const std::vector<float> was = query(folder_ / "models/stranger"), wanted = query(trained), is = query(next);
  ASSERT_TRUE(wanted.size() == was.size() && wanted.size() == is.size() && !was.empty());
  double moved = 0, apart = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    moved = std::max(moved, std::abs(static_cast<double>(wanted[k] - was[k])));
    apart = std::max(apart, std::abs(static_cast<double>(wanted[k] - is[k])));
  }
  EXPECT_GT(moved, 1e-4);
  EXPECT_LT(apart, 1e-6);

  // What such a run changes itself goes out on top of what it began with: for the folder, not for the sum.
  ASSERT_TRUE(ended_with(run({"run", "--out", "more", "--set", adapter, "--set", "experiment.seeds=1", "--set",
                              "freeze.lora.train=[\"ffn\"]"}),
                         0));
  const fs::path more = find_all(folder_ / "more/given/runs", "adapter.safetensors").front().parent_path();
  EXPECT_TRUE(has(stet(folder_.path(), {"export", more.string(), "sum", "--adapter"}).out, "adapter of 14 matrices"));
  fs::remove(more / "finished.json");
  EXPECT_TRUE(has(stet(folder_.path(), {"export", more.string(), "y", "--adapter"}).err, "the run is not finished"));
  std::string damaged = read(trained / "adapter.safetensors");
  damaged.replace(damaged.size() - 4, 4, "\xff\xff\xff\x7f");  // not a number
  write(trained / "adapter.safetensors", damaged);
  EXPECT_TRUE(ended_with(stet(folder_.path(), {"export", trained.string(), "z", "--adapter"}), 3));

  const Outcome none = stet(folder_.path(), {"export", next.string(), "x", "--adapter"});
  EXPECT_TRUE(ended_with(none, 3));
  EXPECT_TRUE(has(none.err, "holds no low-rank changes"));
  const Outcome alone = run({"plan", "--set", "base.folder=\"\"", "--set", adapter});
  EXPECT_TRUE(ended_with(alone, 2));
  EXPECT_TRUE(has(alone.err, "a model that is not named"));
  const Outcome nowhere = run({"plan", "--set", "base.adapter=\"nowhere\""});
  EXPECT_TRUE(ended_with(nowhere, 2));
  EXPECT_TRUE(has(nowhere.err, "base.adapter names a folder that is not there"));
  const Outcome unfit = run({"plan", "--set", "base.adapter=\"models\""});
  EXPECT_TRUE(ended_with(unfit, 3));
  EXPECT_TRUE(has(unfit.err, "has no adapter_config.json"));
}

TEST_F(GivenBaseTest, SeedsTakeSeveralModelsInTurn) {
  fs::copy(folder_ / "models/stranger", folder_ / "models/other");
  change("other");
  const Words several = {"--set", "base.folder=\"\"", "--set", "base.folders=[\"models/stranger\", \"models/other\"]"};
  const auto with = [&](Words words) {
    words.insert(words.end(), several.begin(), several.end());
    return run(words);
  };
  const Outcome plan = with({"plan", "--set", "experiment.seeds=3"});
  ASSERT_TRUE(ended_with(plan, 0));
  EXPECT_TRUE(has(plan.out, "base models: 2"));
  EXPECT_TRUE(has(plan.out, "models/other"));
  ASSERT_TRUE(ended_with(with({"run", "--jobs", "2"}), 0));
  EXPECT_EQ(find_all(folder_ / "runs/.bases", "base.toml").size(), 2U);
  EXPECT_EQ(finished(), 4U);
  // The first seed is that of the first folder alone.
  ASSERT_TRUE(ended_with(run({"run", "--set", "experiment.seeds=1"}), 0));
  EXPECT_EQ(finished(), 4U);
  const Outcome few = with({"plan", "--set", "experiment.seeds=1"});
  EXPECT_TRUE(ended_with(few, 2));
  EXPECT_TRUE(has(few.err, "fewer seeds than models"));
  const Outcome both = run({"plan", "--set", "base.folders=[\"models/other\"]"});
  EXPECT_TRUE(ended_with(both, 2));
  EXPECT_TRUE(has(both.err, "base.folders beside base.folder"));
  const Outcome twice = run(
      {"plan", "--set", "base.folder=\"\"", "--set", "base.folders=[\"models/other\", \"models/../models/other\"]"});
  EXPECT_TRUE(ended_with(twice, 2));
  EXPECT_TRUE(has(twice.err, "names a folder twice"));
  const Outcome nowhere = run({"plan", "--set", "base.folder=\"\"", "--set", "base.folders=[\"models/x\"]"});
  EXPECT_TRUE(ended_with(nowhere, 2));
  EXPECT_TRUE(has(nowhere.err, "base.folders names a folder that is not there"));
}

TEST_F(GivenBaseTest, AModelThatChangesAfterThePlanIsRefused) {
  fs::copy(folder_ / "models/stranger", folder_ / "models/other");
  change("other");
  const Words words = {"run",    "e.toml",
                       "--jobs", "1",
                       "--set",  "base.folder=\"\"",
                       "--set",  "base.folders=[\"models/stranger\", \"models/other\"]",
                       "--set",  "phase.facts.epochs=200"};
  Process running(stet_words(words), folder_.path());
  const auto trains = [this] {  // the first seed, of the first folder
    try {
      for (const fs::path& log : find_all(folder_ / "runs/given", "metrics.jsonl")) {
        if (fs::file_size(log) > 0) return true;
      }
    } catch (const fs::filesystem_error&) {  // a folder that is not there yet, or not any more
    }
    return false;
  };
  while (running.running() && !trains()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  change("other", 2);
  const Outcome outcome = running.wait();
  EXPECT_TRUE(ended_with(outcome, 3));
  EXPECT_TRUE(has(outcome.err, "the model's folder has changed since the experiment was planned"));
  EXPECT_EQ(finished(), 2U);
  ASSERT_TRUE(ended_with(stet(folder_.path(), words), 0));
  EXPECT_EQ(finished(), 4U);
}

TEST_F(GivenBaseTest, OtherWeightsAreAnotherBase) {
  ASSERT_TRUE(ended_with(run({"run", "--set", "experiment.seeds=1"}), 0));
  change("stranger");
  ASSERT_TRUE(ended_with(run({"run", "--set", "experiment.seeds=1"}), 0));
  EXPECT_EQ(find_all(folder_ / "runs/.bases", "base.toml").size(), 2U);
  EXPECT_EQ(finished(), 4U);
}

TEST_F(GivenBaseTest, WhatItCannotMeanIsRefused) {
  const auto refused = [this](const std::string& assignment, int code, const std::string& part) {
    const Outcome outcome = run({"plan", "--set", assignment});
    EXPECT_TRUE(ended_with(outcome, code)) << assignment;
    EXPECT_TRUE(has(outcome.err, part)) << assignment;
  };
  refused("model.width=8", 2, "[model] has no meaning beside [base]");
  refused("pretrain.epochs=8", 2, "[pretrain] has no meaning beside [base]");
  refused("base.folder=\"nowhere\"", 2, "names a folder that is not there");
  const Outcome unprepared =
      stet(folder_.path(), {"plan", STET_SOURCE_DIR "/experiments/real/smollm2/table2-self-distillation.toml", "--set",
                            "data.path=" + folder_.path().string()});
  if (!fs::exists(STET_SOURCE_DIR "/models/smollm2-135m-instruct")) {
    EXPECT_TRUE(ended_with(unprepared, 2));
    EXPECT_TRUE(has(unprepared.err, "smollm2/prepare makes it"));
  }
  refused("base.folder=\"models\"", 3, "holds no model");
  refused("sets.labels=\"recall\"", 2, "sets.labels = \"slick\"");
  refused("experiment.base_models=2", 2, "experiment.base_models = 1");
  refused("prompt.template=\"{answer}\"", 2, "{question} once, and {answer} once behind it");
  refused("prompt.chat=true", 2, "slick.separator has no meaning beside prompt.chat");
  const Words chat = {"--set", "prompt.chat=true", "--set", "slick.separator=\"\""};
  for (const char* command : {"plan", "run"}) {
    Words words = {command};
    words.insert(words.end(), chat.begin(), chat.end());
    const Outcome untuned = run(words);
    EXPECT_TRUE(ended_with(untuned, 3)) << command;
    EXPECT_TRUE(has(untuned.err, "the folder of [base] has no chat template")) << command;
  }
  fs::remove(folder_ / "models/stranger/tokenizer.json");
  refused("experiment.seeds=1", 3, "has no tokenizer.json");
}

TEST_F(GivenBaseTest, ATemplateAsksOtherwise) {
  ASSERT_TRUE(ended_with(run({"run", "--set", "experiment.seeds=1"}), 0));
  ASSERT_TRUE(ended_with(
      run({"run", "--set", "experiment.seeds=1", "--set", "prompt.template=\"{question} {question2} {answer}\""}), 0));
  EXPECT_EQ(finished(), 4U);
}

}  // namespace
}  // namespace stet::e2e
