// What SECURITY.md promises of the program as a whole: secrets of the environment are written nowhere, and texts of
// others command no terminal.
#include <fixtures_folder.hpp>
#include "program.hpp"
#include "small_experiment.hpp"

#include <nlohmann/json.hpp>

#include <cctype>

namespace stet::e2e {
namespace {

const std::string experiment = small_experiment("broken", "1e-3");

const std::string sentinel = "xyzzy-4711-sentinel";
const std::map<std::string, std::string> secrets = {
    {"HF_TOKEN", sentinel},      {"AWS_SECRET_ACCESS_KEY", sentinel}, {"AWS_ACCESS_KEY_ID", sentinel},
    {"WANDB_API_KEY", sentinel}, {"DB_PASSWORD", sentinel},           {"CLIENT_SECRET", sentinel},
    {"UNUSUAL_NAME", sentinel}};

class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() { write(folder_ / "experiment.toml", experiment); }

  void expect_no_sentinel(std::size_t least) {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      ++files;
      EXPECT_FALSE(contains(read(entry.path()), sentinel)) << entry.path();
    }
    EXPECT_GT(files, least);
  }
  void expect_silent(const Outcome& outcome, int code) {
    EXPECT_TRUE(ended_with(outcome, code));
    EXPECT_FALSE(contains(outcome.out, sentinel)) << outcome.out;
    EXPECT_FALSE(contains(outcome.err, sentinel)) << outcome.err;
  }
  /// Commands of Slurm that answer nothing, but sbatch, which keeps what it was given.
  std::map<std::string, std::string> with_fake_slurm(std::map<std::string, std::string> environment) {
    const fs::path bin = folder_ / "bin";
    fs::create_directory(bin);
    for (const char* name : {"squeue", "scontrol", "scancel", "sinfo", "srun"}) write(bin / name, "#!/bin/sh\n");
    write(bin / "sbatch",
          "#!/bin/sh\n[ \"$1\" = --version ] || env >'" + (folder_ / "given").string() + "'\necho 17\n");
    for (const auto& entry : fs::directory_iterator(bin))
      fs::permissions(entry.path(), fs::perms::owner_all, fs::perm_options::add);
    environment["PATH"] = bin.string() + ":" + std::getenv("PATH");
    return environment;
  }

  Folder folder_;
};

TEST_F(SecurityTest, SecretsOfTheEnvironmentAreWrittenNowhere) {
  expect_silent(stet(folder_.path(), {"doctor"}, secrets), 0);
  expect_silent(stet(folder_.path(), {"submit", "experiment.toml", "--dry", "--time", "5"}, secrets), 0);
  expect_silent(stet(folder_.path(), {"plan", "experiment.toml", "--resolved"}, secrets), 0);
  // One that fails: its record has an error with its details.
  expect_silent(
      stet(folder_.path(), {"run", "experiment.toml", "--set", "arm.broken.train.weight_decay=1e38"}, secrets), 6);
  EXPECT_FALSE(files_named(folder_.path(), "failed.json").empty());
  expect_silent(stet(folder_.path(), {"run", "experiment.toml", "--results", "published", "-j", "2"}, secrets), 0);
  EXPECT_TRUE(fs::exists(folder_ / "published/small.md"));
  expect_no_sentinel(30);
}

TEST_F(SecurityTest, AJobIsNotGivenSecrets) {
  const Outcome outcome = stet(folder_.path(), {"submit", "experiment.toml", "--time", "5"}, with_fake_slurm(secrets));
  ASSERT_TRUE(ended_with(outcome, 0));
  EXPECT_TRUE(has(outcome.err, "not given to the job"));
  EXPECT_TRUE(has(outcome.err, "HF_TOKEN"));
  EXPECT_FALSE(contains(outcome.err, sentinel));
  const std::string given = read(folder_ / "given");
  for (const auto& [name, value] : secrets)
    EXPECT_EQ(contains(given, name + "="), name == "UNUSUAL_NAME") << name;  // a name says nothing: docs/batch.md
  EXPECT_TRUE(has(given, "PATH="));
  fs::remove(folder_ / "given");
  EXPECT_FALSE(find_all(folder_.path(), "small.sbatch").empty());
  expect_no_sentinel(3);
}

/// Hides the run's machine behind another one's name, or takes it out of the record.
void set_processor(const fs::path& record, const std::string& name) {
  auto json = nlohmann::json::parse(read(record));
  ASSERT_TRUE(json.at("machine").contains("processor"));
  if (name.empty()) {
    json.erase("machine");
  } else {
    json["machine"]["processor"] = name;
  }
  write(record, json.dump());
}

TEST_F(SecurityTest, ATableFromSeveralProcessorsSaysSo) {
  ASSERT_TRUE(ended_with(stet(folder_.path(), {"run", "experiment.toml"}), 0));
  const auto table = [&](const std::string& format) {
    Words words = {"table", "experiment.toml"};
    if (!format.empty()) words.insert(words.end(), {"--format", format});
    const Outcome outcome = stet(folder_.path(), words);
    EXPECT_TRUE(ended_with(outcome, 0));
    std::string text = outcome.out;  // as one line: a terminal's are broken
    for (char& c : text) c = std::isspace(static_cast<unsigned char>(c)) != 0 ? ' ' : c;
    return text;
  };
  const std::string note = "kinds of processor and libraries";
  EXPECT_FALSE(contains(table(""), note));
  std::vector<fs::path> runs = find_all(folder_ / "runs/small", "finished.json");
  ASSERT_EQ(runs.size(), 4U);
  const auto kept = nlohmann::json::parse(read(runs[0])).at("machine");
  for (const char* key : {"processor", "kernels", "libtorch", "libtorch_kernels", "blas"})
    EXPECT_TRUE(kept.at(key).is_string()) << key;
  set_processor(runs[0], "");  // of an older stet: no kind of its own
  EXPECT_FALSE(contains(table(""), note));
  set_processor(runs[1], "Abacus \x1b[2J\xe2\x80\xae 9000");
  for (const std::string format : {"", "markdown", "latex", "csv"}) {
    const std::string text = table(format);
    EXPECT_TRUE(has(text, "2 " + note)) << format;
    EXPECT_TRUE(has(text, "1 run on Abacus")) << format;
    EXPECT_TRUE(has(text, "2 runs and 1 of the bases and labels on ")) << format;
    EXPECT_TRUE(has(text, "1 where was not recorded")) << format;
    EXPECT_FALSE(contains(text, "\x1b")) << format;
    EXPECT_FALSE(contains(text, "\xe2\x80\xae")) << format;
  }
  const std::vector<fs::path> bases = find_all(folder_ / "runs/.bases", "finished.json");
  ASSERT_EQ(bases.size(), 1U);
  for (std::size_t i = 1; i < 4; ++i) set_processor(runs[i], "Abacus");
  EXPECT_TRUE(has(table(""), "3 runs on Abacus"));  // the base alone is of another kind
  set_processor(bases[0], "Abacus");
  EXPECT_FALSE(contains(table(""), note));
}

TEST_F(SecurityTest, StatusShowsWhatAFailureSaidHarmlessly) {
  const Words broken = {"--set", "arm.broken.train.weight_decay=1e38"};
  Words run = {"run", "experiment.toml"}, submit = {"submit", "experiment.toml", "--time", "5"};
  run.insert(run.end(), broken.begin(), broken.end());
  submit.insert(submit.end(), broken.begin(), broken.end());
  ASSERT_TRUE(ended_with(stet(folder_.path(), run), 6));
  const std::map<std::string, std::string> environment = with_fake_slurm({});
  ASSERT_TRUE(ended_with(stet(folder_.path(), submit, environment), 0));
  for (const fs::path& file : find_all(folder_ / "runs", "failed.json")) {
    auto json = nlohmann::json::parse(read(file));
    json["message"] = "gone \x1b[2J\xe2\x80\xae";
    write(file, json.dump());
    // A lock that was held just now is somebody's.
    fs::last_write_time(file.parent_path() / "lock", fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const Outcome status = stet(folder_.path(), {"status"}, environment);
  ASSERT_TRUE(ended_with(status, 0));
  EXPECT_TRUE(has(status.out, "gone \\x1b[2J\\u{202e}"));
  EXPECT_FALSE(contains(status.out, "\x1b"));
  // A job's name that scancel would obey.
  const fs::path list = folder_ / "runs/small/slurm/submissions.jsonl";
  auto line = nlohmann::json::parse(read(list));
  line["job"] = "--user=root";
  write(list, line.dump() + "\n");
  for (const char* command : {"status", "cancel"}) {
    const Outcome refused = stet(folder_.path(), {command}, environment);
    EXPECT_TRUE(ended_with(refused, 3)) << command;
    EXPECT_TRUE(has(refused.err, "submissions.jsonl:1"));
  }
}

TEST_F(SecurityTest, AModelsWordsCommandNoTerminal) {
  const fs::path model = folder_ / "model", fixture = fixtures_folder() / "models/gpt2-tiny";
  fs::create_directory(model);
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy_file(fixture / name, model / name);
  nlohmann::json vocabulary = {{"<unk>", 0}, {"<eos>", 1}};
  for (int id = 2; id < 256; ++id) vocabulary["\x1b[" + std::to_string(id) + "m\xe2\x80\xae"] = id;
  const nlohmann::json tokenizer = {
      {"version", "1.0"},
      {"added_tokens",
       {{{"id", 0}, {"content", "<unk>"}, {"special", true}}, {{"id", 1}, {"content", "<eos>"}, {"special", true}}}},
      {"pre_tokenizer", {{"type", "WhitespaceSplit"}}},
      {"model", {{"type", "WordLevel"}, {"unk_token", "<unk>"}, {"vocab", vocabulary}}}};
  write(model / "tokenizer.json", tokenizer.dump());
  const Outcome outcome =
      stet(folder_.path(), {"generate", "model", "--prompt", "x", "--end-token", "<eos>", "--max-tokens", "8"});
  ASSERT_TRUE(ended_with(outcome, 0));
  EXPECT_TRUE(has(outcome.out, "\\x1b["));
  EXPECT_TRUE(has(outcome.out, "\\u{202e}"));
  EXPECT_FALSE(contains(outcome.out, "\x1b"));
}

}  // namespace
}  // namespace stet::e2e
