// Every experiment file, with its arms and its table, in a world so small that it takes seconds: so that no
// file rots. The numbers mean nothing; that each arm trains and each cell is filled is what is looked at.
#include "program.hpp"

#include <fixtures_folder.hpp>

#include <algorithm>
#include <map>
#include <sstream>

namespace stet::e2e {
namespace {

std::vector<std::string> experiment_files() {
  std::vector<std::string> files;
  for (const char* folder : {"paper", "controls", "entity-questions", "real/smollm2"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(STET_SOURCE_DIR) / "experiments" / folder)) {
      if (entry.path().extension() == ".toml" && !entry.path().stem().string().ends_with("world"))
        files.push_back(entry.path().string());
    }
  }
  files.push_back((fs::path(STET_SOURCE_DIR) / "experiments" / "quickstart.toml").string());
  std::sort(files.begin(), files.end());
  return files;
}

constexpr char every_category[] = "[\"HighlyKnown\",\"MaybeKnown\",\"WeaklyKnown\",\"Unknown\"]";

/// What the arms of a file say about sizes themselves goes before the settings for all arms.
Words arms_own_sizes(const std::string& file) {
  Words sizes;
  std::istringstream lines(read(file));
  std::string arm, phase, table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) table = line;
    const auto is = [&](const char* of, const char* key) { return table == of && line.starts_with(key); };
    if (is("[[arm]]", "name = \"")) arm = "arm." + line.substr(8, line.size() - 9);
    if (is("[arm.sets]", "known_categories = ")) sizes.push_back(arm + ".sets.known_categories=" + every_category);
    if (is("[arm.sets]", "known = ")) sizes.push_back(arm + ".sets.known=24");
    if (is("[arm.sets]", "unknown = ")) sizes.push_back(arm + ".sets.unknown=24");
    if (is("[arm.sets]", "held = ")) sizes.push_back(arm + ".sets.held=24");
    if (is("[arm.sets]", "validation = ")) sizes.push_back(arm + ".sets.validation=8");
    if (is("[arm.data.synthetic]", "entities = ")) sizes.push_back(arm + ".data.synthetic.entities=90");
    if (is("[arm.data.synthetic]", "records = ")) sizes.push_back(arm + ".data.synthetic.records=8");
    if (is("[arm.data.synthetic]", "new_entities = ")) sizes.push_back(arm + ".data.synthetic.new_entities=30");
    if (is("[arm.model]", "width = ")) sizes.push_back(arm + ".model.width=8");
    if (is("[arm.model]", "feed_forward = ")) sizes.push_back(arm + ".model.feed_forward=8");
    if (is("[[arm.phase]]", "name = \"")) phase = line.substr(8, line.size() - 9);
    if (is("[[arm.phase]]", "epochs = ")) sizes.push_back(arm + ".phase." + phase + ".epochs=2");
  }
  return sizes;
}

bool is_real(const std::string& file) { return fs::path(file).parent_path().parent_path().filename() == "real"; }

/// A stranger's model for the experiments on real ones: pre-trained on invented facts in EntityQuestions' form, and
/// exported, in a folder that goes with the program.
const fs::path& stranger() {
  static const Folder folder;
  static const fs::path model = [] {
    Words words = {"run",
                   STET_SOURCE_DIR "/experiments/entity-questions/quickstart.toml",
                   "--bases-only",
                   "--jobs",
                   "1",
                   "--set",
                   "data.path=" + entity_questions_folder().string()};
    for (const char* value :
         {"data.entity_questions.relations=[\"P17\"]", "data.entity_questions.facts_per_relation=80",
          "data.entity_questions.new_per_relation=16", "data.entity_questions.vocabulary=600",
          "experiment.base_models=1", "experiment.seeds=1", "model.width=32", "model.layers=2", "model.heads=2",
          "model.feed_forward=32", "model.context=256", "pretrain.epochs=2", "pretrain.train.schedule=constant",
          "pretrain.train.warmup_steps=0", "sets.known=20", "sets.unknown=16", "sets.held=10", "sets.validation=4",
          "train.schedule=constant"}) {
      words.insert(words.end(), {"--set", value});
    }
    EXPECT_TRUE(ended_with(stet(folder.path(), words), 0));
    const auto bases = find_all(folder / "runs", "base.toml");
    EXPECT_EQ(bases.size(), 1U);
    if (!bases.empty()) {
      const Words exporting = {"export", bases[0].parent_path().string(), (folder / "model").string()};
      EXPECT_TRUE(ended_with(stet(folder.path(), exporting), 0));
    }
    return folder / "model";
  }();
  return model;
}

/// The facts of the invented P17 are a hundred, and the tiny stranger knows none of them: every category will do.
Words miniature_of_real(const std::string& file) {
  Words words = {"run", file};
  for (const std::string& value :
       {"base.folder=\"" + stranger().string() + "\"", "data.path=" + entity_questions_folder().string(),
        std::string("data.entity_questions.relations=[\"P17\"]"),
        std::string("data.entity_questions.facts_per_relation=60"),
        std::string("data.entity_questions.new_per_relation=20"), std::string("experiment.seeds=2"),
        std::string("slick.shots=2"), std::string("sets.categories=") + every_category, std::string("sets.known=16"),
        std::string("sets.unknown=8"), std::string("sets.held=8"), std::string("phase.facts.epochs=2"),
        std::string("table.bootstrap_draws=100"), std::string("checkpoint.keep_weights=true")}) {
    words.insert(words.end(), {"--set", value});
  }
  return words;
}

Words miniature_of(const std::string& file) {
  if (is_real(file)) return miniature_of_real(file);
  Words words = {"run", file};
  const auto set = [&words](const char* value) { words.insert(words.end(), {"--set", value}); };
  for (const char* value : {"experiment.seeds=2",
                            "data.synthetic.entities=60",
                            "data.synthetic.first_names=12",
                            "data.synthetic.last_names=12",
                            "data.synthetic.new_entities=16",
                            "data.synthetic.answers_min=4",
                            "data.synthetic.answers_max=6",
                            "data.synthetic.countries=4",
                            "model.width=16",
                            "model.layers=1",
                            "model.heads=2",
                            "model.feed_forward=16",
                            "pretrain.epochs=1",
                            "sets.known=24",
                            "sets.unknown=24",
                            "sets.held=24",
                            "sets.validation=8",
                            "sets.knowledge=0",
                            "phase.format.epochs=1",
                            "phase.facts.epochs=2",
                            "table.bootstrap_draws=100",
                            "train.schedule=constant",
                            "pretrain.train.schedule=constant",
                            "pretrain.train.warmup_steps=0"}) {
    set(value);
  }
  if (contains(read(file), "keys-world.toml")) set("data.synthetic.records=8");
  if (contains(read(file), "out_of_relation")) set("sets.out_of_relation=8");
  if (contains(read(file), "never_seen")) set("sets.never_seen=8");
  if (fs::path(file).parent_path().filename() == "entity-questions") {
    const std::string data = entity_questions_folder().string();
    for (const std::string& value : {"data.path=" + data, std::string("data.entity_questions.facts_per_relation=80"),
                                     std::string("data.entity_questions.new_per_relation=16"),
                                     std::string("data.entity_questions.vocabulary=600")}) {
      words.insert(words.end(), {"--set", value});
    }
  }
  if (contains(read(file), "labels = \"slick\"")) {
    for (const char* value : {"slick.prompts=2", "slick.shots=2", "slick.samples=2"}) set(value);
    words.insert(words.end(), {"--set", std::string("sets.categories=") + every_category});
  }
  if (contains(read(file), "per_category = ")) {  // some facts of each group are needed: a base that knows a little,
                                                  // and few answers to guess among
    for (const char* value :
         {"experiment.base_models=1", "data.synthetic.entities=120", "data.synthetic.answers_min=2",
          "data.synthetic.answers_max=2", "model.width=48", "model.layers=2", "model.feed_forward=48",
          "pretrain.epochs=120", "slick.prompts=10", "slick.shots=4", "slick.samples=8", "sets.known=12",
          "sets.unknown=12", "sets.held=12", "sets.validation=4", "sets.per_category=2"}) {
      set(value);
    }
  }
  for (const std::string& value : arms_own_sizes(file)) words.insert(words.end(), {"--set", value});
  return words;
}

class ExperimentFile : public ::testing::TestWithParam<std::string> {};

TEST_P(ExperimentFile, RunsToItsTable) {
  const Folder folder;
  const Outcome run = stet(folder.path(), miniature_of(GetParam()));
  ASSERT_TRUE(ended_with(run, 0));
  EXPECT_FALSE(contains(run.out, "are not finished"));
  const auto tables = find_all(folder / "runs", "table.csv");
  ASSERT_EQ(tables.size(), 1U);
  const std::string csv = read(tables[0]);
  std::istringstream lines(csv);
  std::map<std::string, std::size_t> found;
  for (std::string line; std::getline(lines, line);) {
    const std::string kind = line.substr(0, line.find(','));
    ++found[kind];
    if (kind == "cell" || kind == "comparison" || kind == "claim") {
      // seed_list. Of a set of which so small a model never knew anything there is no forgetting, and of answers that
      // are all wrong no AUROC; a note names the seeds.
      const bool undefined =
          (contains(line, ",forgetting,") || contains(line, ",auroc,")) && contains(csv, " is n/a at seed");
      EXPECT_TRUE(undefined || contains(line, ",1;2,")) << "not both seeds: " << line;
    }
  }
  EXPECT_GT(found["cell"], 0U);
  // What the file itself declares is all there; a table that inherits declares the rest elsewhere.
  const std::string text = read(GetParam());
  for (const char* kind : {"comparison", "claim", "share", "matched", "front"}) {
    const std::string table = std::string(kind) == "comparison" ? "compare" : kind;
    EXPECT_GE(found[kind], count_of(text, "\n[[table." + table + "]]")) << kind;
  }
  EXPECT_TRUE(!contains(text, "\n[[table.regression]]") || found["regression"] > 0U);
  if (!is_real(GetParam())) return;
  const fs::path trained =
      find_all(folder / "runs", "model.safetensors").front().parent_path();  // home, and read again
  ASSERT_TRUE(ended_with(stet(folder.path(), {"export", trained.string(), "home"}), 0));
  EXPECT_EQ(read(folder / "home/config.json"), read(stranger() / "config.json"));
  EXPECT_TRUE(ended_with(stet(folder.path(), {"generate", "home", "--prompt", "Q: Which", "--max-tokens", "4"}), 0));
}

INSTANTIATE_TEST_SUITE_P(All, ExperimentFile, ::testing::ValuesIn(experiment_files()), [](const auto& tested) {
  const fs::path file = tested.param;
  std::string name = (file.parent_path().filename() == "entity-questions" ? "entity_questions_"
                      : is_real(tested.param)                             ? file.parent_path().filename().string() + "_"
                                                                          : "") +
                     file.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

/// What somebody writes who has a model's folder and questions of his own.
TEST(OwnQuestions, AreAskedTaughtAndTabled) {
  const Folder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i) {
    const std::string name = "Vel" + std::to_string(i) + "ar", answer = i % 3 == 0 ? "Poland" : "Peru";
    lines += R"({"question": "Where is )" + name + R"(?", "answers": [")" + answer + R"(", "a land"], "subject": ")" +
             name + "\"}\n";
  }
  lines += R"({"question": "where is Vel7ar", "answer": "Chad"})";
  folder.write("mine/q.jsonl", lines);
  folder.write("mine/e.toml", R"(
[experiment]
name = "mine"
seeds = 2
[data]
world = "facts"
[data.facts]
files = ["q.jsonl"]
[base]
folder = ")" + stranger().string() +
                                  R"("
[prompt]
template = "Q: {question}\nA: {answer}"
[slick]
prompts = 2
shots = 2
samples = 0
[sets]
labels = "slick"
categories = )" + every_category + R"(
known = 12
unknown = 8
held = 12
validation = 0
[evaluate]
match = "normalized"
[[phase]]
name = "facts"
sets = ["known", "unknown"]
[[arm]]
name = "sft"
[table]
title = "My questions"
[[table.column]]
label = "Held"
set = "held"
[[table.column]]
label = "no answer"
set = "held"
measure = "recorded"
array = "not_attempted"
)");
  const Outcome plan = stet(folder.path(), {"plan", "mine/e.toml"});
  ASSERT_TRUE(ended_with(plan, 0));
  EXPECT_TRUE(has(plan.err,
                  "2 of 61 questions left out: the same question with different answers (first q.jsonl:8 "
                  "and q.jsonl:61)"));
  // Who asks what the model knows does not know yet how large his sets can be.
  EXPECT_TRUE(ended_with(stet(folder.path(), {"slick", "mine/e.toml", "--set", "sets.known=400"}), 0));
  const Outcome large = stet(folder.path(), {"run", "mine/e.toml", "--set", "sets.known=400"});
  EXPECT_TRUE(ended_with(large, 2));
  EXPECT_TRUE(has(large.err, "not enough facts for the set \"known\""));
  const Outcome run = stet(folder.path(), {"run", "mine/e.toml"});
  ASSERT_TRUE(ended_with(run, 0));
  EXPECT_TRUE(has(run.out, "My questions"));
  EXPECT_TRUE(has(run.out, "commonest answer"));
  // Other lines in the file are other questions.
  folder.write("mine/q.jsonl", lines + "\n" + R"({"question": "Where is Q?", "answer": "Peru", "subject": "Q"})");
  const Outcome again = stet(folder.path(), {"plan", "mine/e.toml", "--no-estimate"});
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_TRUE(has(again.out + again.err, "(0 finished)"));
  folder.write("mine/q.jsonl", "{\"question\": \"Where?\"}");
  const Outcome refused = stet(folder.path(), {"run", "mine/e.toml"});
  EXPECT_TRUE(ended_with(refused, 3));
  EXPECT_TRUE(has(refused.err, "q.jsonl:1"));
}

TEST(ExperimentFiles, AreThere) { EXPECT_GE(experiment_files().size(), 28U); }

}  // namespace
}  // namespace stet::e2e
