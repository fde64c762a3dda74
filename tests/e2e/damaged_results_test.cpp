// Folders of results in which something was changed, removed or could not be written: found, named, and mended by
// following the hint.
#include "program.hpp"
#include "small_experiment.hpp"

namespace stet::e2e {
namespace {

const std::string experiment = small_experiment("other", "2e-3");

class DamagedResults : public ::testing::Test {
 protected:
  DamagedResults() { write(folder_ / "experiment.toml", experiment); }
  Outcome run(const std::string& command = "run") { return stet(folder_.path(), {command, "experiment.toml"}); }
  /// What the hint "remove the folder PATH; ..." names.
  static fs::path folder_of_hint(const std::string& text) {
    const std::string begin = "remove the folder ";
    const std::size_t at = text.find(begin);
    if (at == std::string::npos) return {};
    const std::size_t from = at + begin.size();
    return text.substr(from, text.find(';', from) - from);
  }
  Folder folder_;
};

TEST_F(DamagedResults, OutcomesThatWereAlteredAreMadeAgain) {
  const Outcome first = run();
  ASSERT_TRUE(ended_with(first, 0));
  const fs::path file = find_all(folder_ / "runs/small", "outcomes.safetensors").front();
  const std::string whole = read(file);
  std::string altered = whole;
  altered[altered.size() - 3] = static_cast<char>(altered[altered.size() - 3] ^ 1);
  for (const std::string& bytes : {altered, whole.substr(0, whole.size() / 2), std::string()}) {
    write(file, bytes);
    for (const char* command : {"table", "run"}) {
      const Outcome refused = run(command);
      EXPECT_TRUE(ended_with(refused, 3)) << command;
      EXPECT_TRUE(has(refused.err, "outcomes.safetensors"));
      EXPECT_TRUE(has(refused.err, "makes the run again"));
    }
    fs::remove_all(folder_.path() / folder_of_hint(run("table").err));
    EXPECT_FALSE(fs::exists(file));
    const Outcome again = run();
    ASSERT_TRUE(ended_with(again, 0));
    EXPECT_EQ(again.out, first.out);
    EXPECT_EQ(read(file), whole);
  }
  write(file.parent_path() / "finished.json", std::string("{}\0", 3));
  EXPECT_TRUE(has(run().err, "finished.json"));
}

TEST_F(DamagedResults, ABaseThatWasDamagedIsMadeAgain) {
  const Outcome first = run();
  ASSERT_TRUE(ended_with(first, 0));
  for (const char* name :
       {"certification.md", "tokenizer.json", "model.safetensors", "knowledge.safetensors", "base.toml"}) {
    SCOPED_TRACE(name);
    const fs::path file = find_all(folder_ / "runs/.bases", name).front();
    if (name == std::string("certification.md")) {
      fs::remove(file);
    } else {
      write(file, std::string(100, '\0'));
    }
    fs::remove_all(folder_ / "runs/small");
    fs::remove_all(folder_ / "runs/.runs");
    const Outcome refused = run();
    EXPECT_EQ(refused.code == 0, false);
    EXPECT_TRUE(has(refused.err, name));
    const fs::path hint = folder_of_hint(refused.err);
    ASSERT_FALSE(hint.empty()) << refused.err;
    fs::remove_all(folder_.path() / hint);
    const Outcome again = run();
    ASSERT_TRUE(ended_with(again, 0));
    EXPECT_EQ(again.out, first.out);
  }
}

/// Weights that are numbers like any others: only the record's hash tells.
TEST_F(DamagedResults, ABaseWhoseBitsWereChangedIsNotTrainedOn) {
  ASSERT_TRUE(ended_with(run(), 0));
  for (const char* name : {"model.safetensors", "knowledge.safetensors"}) {
    const fs::path file = find_all(folder_ / "runs/.bases", name).front();
    const std::string whole = read(file);
    std::string altered = whole;
    altered[altered.size() - 5] = static_cast<char>(altered[altered.size() - 5] ^ 1);
    write(file, altered);
    fs::remove_all(folder_ / "runs/small");
    fs::remove_all(folder_ / "runs/.runs");
    const Outcome refused = run();
    EXPECT_TRUE(ended_with(refused, 3)) << name;
    EXPECT_TRUE(has(refused.err, "the files of a finished task were altered"));
    EXPECT_TRUE(find_all(folder_ / "runs/small", "finished.json").empty());
    EXPECT_EQ(folder_of_hint(refused.err), fs::relative(file.parent_path(), folder_.path()));
    write(file, whole);
    EXPECT_TRUE(ended_with(run(), 0));
  }
}

TEST_F(DamagedResults, WhatCannotBeWrittenFailsOnceAndByName) {
  // As on a full disk: writes fail, those of the failure's record too.
  const std::string command = "ulimit -f 8; exec " + stet_program() + " run experiment.toml -j 1";
  Process process({"/bin/bash", "-c", command}, folder_.path());
  const Outcome outcome = process.wait();
  EXPECT_TRUE(ended_with(outcome, 3));
  EXPECT_TRUE(has(outcome.err, "File too large"));
  EXPECT_LT(count_of(outcome.err, " failed"), 5U) << outcome.err;
  EXPECT_TRUE(ended_with(run(), 0));  // with room again
}

TEST_F(DamagedResults, AFolderWhereALockShouldBeFailsItsRunAlone) {
  ASSERT_TRUE(ended_with(run(), 0));
  const fs::path file = find_all(folder_ / "runs/small", "outcomes.safetensors").front();
  const fs::path task = file.parent_path();
  fs::remove_all(task);
  fs::create_directories(task / "lock");
  const Outcome outcome = run();
  EXPECT_TRUE(ended_with(outcome, 3));
  EXPECT_TRUE(has(outcome.err, "1 of 5 tasks failed"));
  EXPECT_FALSE(contains(outcome.err, "ended early"));
}

TEST_F(DamagedResults, NamesThatAreNoNames) {
  for (const char* name : {"a\\u0000b", "a\\nb", "a\\u001b[31mb", "a\\\\b"}) {
    std::string text = experiment;
    text.replace(text.find("name = \"small\""), 14, std::string("name = \"") + name + "\"");
    write(folder_ / "experiment.toml", text);
    for (const char* command : {"plan", "run"}) {
      const Outcome refused = run(command);
      EXPECT_TRUE(ended_with(refused, 2)) << name;
      EXPECT_TRUE(has(refused.err, "not a plain folder name"));
    }
  }
  for (const char* out : {"/dev/null", "experiment.toml", ""}) {
    const Outcome refused = stet(folder_.path(), {"run", "experiment.toml", "--out", out});
    EXPECT_TRUE(refused.code == 2 || refused.code == 3) << out << refused.err;
    EXPECT_FALSE(contains(refused.err, "std::filesystem")) << refused.err;
  }
}

}  // namespace
}  // namespace stet::e2e
