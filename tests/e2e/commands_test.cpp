// The commands beside a run, and what a user's mistakes lead to: the right exit code and a message to mend them by.
#include <fixtures_folder.hpp>
#include "program.hpp"

#include <cstring>

namespace stet::e2e {
namespace {

const std::string miniature = STET_SOURCE_DIR "/tests/e2e/miniature.toml";

class CommandsTest : public ::testing::Test {
 protected:
  /// The miniature with one change, in a folder of ours. Returns its path.
  std::string changed(const std::string& from, const std::string& to) {
    std::string text = read(miniature);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    fs::copy_file(STET_SOURCE_DIR "/tests/e2e/world.toml", folder_ / "world.toml",
                  fs::copy_options::overwrite_existing);
    write(folder_ / "changed.toml", text);
    return "changed.toml";
  }
  Outcome run(const Words& arguments) { return stet(folder_.path(), arguments); }

  Folder folder_;
};

TEST_F(CommandsTest, HelpAndVersion) {
  const Outcome help = run({"--help"});
  EXPECT_TRUE(ended_with(help, 0));
  for (const std::string command :
       {"run", "plan", "table", "plugin", "doctor", "checkpoint", "model", "export", "generate"})
    EXPECT_TRUE(has(help.out, "\n  " + command + " "));
  EXPECT_TRUE(ended_with(run({"run", "--help"}), 0));
  const Outcome version = run({"--version"});
  EXPECT_TRUE(ended_with(version, 0));
  EXPECT_TRUE(has(version.out, "0.1"));
}

TEST_F(CommandsTest, AnOverrideTakesOneWordAndLeavesTheRest) {
  const Outcome job = run({"submit", "--dry", "--time", "5", "--set", "experiment.seeds=1", miniature, "--set",
                           "train.clip=2.0", "--", "--comment=mine"});
  ASSERT_TRUE(ended_with(job, 0));
  EXPECT_TRUE(has(job.out, "#SBATCH --comment=mine"));
  EXPECT_TRUE(has(job.out, "--set experiment.seeds=1 --set train.clip=2.0"));
}

TEST_F(CommandsTest, WhatNoDirectiveOfAJobCanHoldIsRefused) {
  for (const char* out : {"run#2", "a'b", "a\\b"}) {
    const Outcome refused = run({"submit", "--dry", "--time", "5", miniature, "--out", out});
    EXPECT_TRUE(ended_with(refused, 2)) << out;
    EXPECT_TRUE(has(refused.err, "an option of sbatch cannot hold"));
    EXPECT_TRUE(has(refused.err, out));
  }
}

TEST_F(CommandsTest, AJobKeepsItsNameItsLogAndSomeTime) {
  const Outcome log = run({"submit", "--dry", "--time", "5", miniature, "--", "--output", "mine.log"});
  EXPECT_TRUE(ended_with(log, 2));
  EXPECT_TRUE(has(log.err, "received: --output=mine.log"));
  EXPECT_TRUE(has(log.err, "--out FOLDER"));
  const Outcome margin = run({"submit", "--dry", "--time", "1", "--margin", "60", miniature});
  EXPECT_TRUE(ended_with(margin, 2));
  EXPECT_TRUE(has(margin.err, "less than the 60 s of a life"));
}

TEST_F(CommandsTest, WhereThereIsNoCheckpointItSaysSo) {
  for (const auto& [folder, received] : {std::pair{"nowhere", "nothing of that name"}, {".", "a folder without any"}}) {
    for (const Words& words : {Words{"verify", folder}, Words{"inspect", folder}, Words{"diff", folder, folder}}) {
      Words command = {"checkpoint"};
      command.insert(command.end(), words.begin(), words.end());
      const Outcome outcome = run(command);
      EXPECT_TRUE(ended_with(outcome, 5)) << words.front();
      EXPECT_TRUE(has(outcome.err, received)) << words.front();
    }
  }
}

TEST_F(CommandsTest, AWrongCommandLineIsRefused) {
  const Outcome unknown = run({"tabel", miniature});
  EXPECT_TRUE(ended_with(unknown, 2));
  EXPECT_TRUE(has(unknown.err, "unknown command 'tabel': did you mean 'table'?"));
  EXPECT_TRUE(ended_with(run({}), 2));
  const Outcome missing = run({"run"});
  EXPECT_TRUE(ended_with(missing, 2));
  EXPECT_TRUE(has(missing.err, "experiment"));
  EXPECT_TRUE(ended_with(run({"run", miniature, "--jobs", "many"}), 2));
  EXPECT_TRUE(ended_with(run({"run", miniature, "--no-such-option"}), 2));
  EXPECT_TRUE(find_all(folder_.path(), "runs").empty());
}

TEST_F(CommandsTest, AMissingFileIsNamed) {
  for (const std::string command : {"run", "plan", "table"}) {
    const Outcome missing = run({command, "nowhere.toml"});
    EXPECT_TRUE(ended_with(missing, 2));
    EXPECT_TRUE(has(missing.err, "nowhere.toml"));
    EXPECT_TRUE(missing.out.empty());
  }
}

TEST_F(CommandsTest, AMisspeltKeyIsShownWithItsPlaceAndAGuess) {
  const Outcome top = run({"run", changed("[probe.drift]", "[prob.drift]")});
  EXPECT_TRUE(ended_with(top, 2));
  EXPECT_TRUE(has(top.err, "unknown key 'prob'"));
  EXPECT_TRUE(has(top.err, "did you mean 'probe'?"));
  EXPECT_TRUE(has(top.err, "changed.toml:9:"));
  const Outcome inner = run({"run", changed("strength = 1.0", "strenth = 1.0")});
  EXPECT_TRUE(ended_with(inner, 2));
  EXPECT_TRUE(has(inner.err, "changed.toml:28:1"));
  EXPECT_TRUE(has(inner.err, "did you mean 'strength'?"));
  const Outcome syntax = run({"plan", changed("seeds = 2", "seeds = = 2")});
  EXPECT_TRUE(ended_with(syntax, 2));
  EXPECT_TRUE(has(syntax.err, "changed.toml:7:9"));
  const Outcome assignment = run({"run", miniature, "--set", "train.learning_rate=1e6"});
  EXPECT_TRUE(ended_with(assignment, 2));
  EXPECT_TRUE(has(assignment.err, "--set train.learning_rate=1e6"));
  EXPECT_TRUE(has(assignment.err, "out of range"));
  EXPECT_TRUE(find_all(folder_.path(), "runs").empty());  // nothing was begun
}

TEST_F(CommandsTest, AnUnknownPluginIsShownWithWhereItWasLookedFor) {
  const Outcome unknown = run({"run", changed("regularizer.l2_sp", "regularizer.l3_sp")});
  EXPECT_TRUE(ended_with(unknown, 4));
  EXPECT_TRUE(has(unknown.err, "no regularizer 'l3_sp' is known"));
  EXPECT_TRUE(has(unknown.err, "lib/stet-plugins"));
  EXPECT_TRUE(has(unknown.err, "did you mean 'l2_sp'?"));
}

TEST_F(CommandsTest, MissingDataIsADataErrorWithAHintWhereToGetIt) {
  const Outcome missing =
      run({"run", miniature, "--set", "data.world=entity-questions", "--set", "data.path=/nowhere/eq", "--jobs", "1"});
  EXPECT_TRUE(ended_with(missing, 3));
  EXPECT_TRUE(has(missing.err, "/nowhere/eq"));
  EXPECT_TRUE(has(missing.err, "github.com/princeton-nlp/EntityQuestions"));
  EXPECT_TRUE(missing.out.empty());  // nothing was started
}

TEST_F(CommandsTest, TooFewFactsAreAConfigurationError) {
  const Outcome few = run({"run", miniature, "--set", "sets.held=500", "--set", "experiment.seeds=1", "--set",
                           "pretrain.epochs=1", "--jobs", "1"});
  EXPECT_TRUE(ended_with(few, 2));
  EXPECT_TRUE(has(few.err, "not enough facts for the set \"held\""));
}

TEST_F(CommandsTest, PluginsAreListedAndExplained) {
  const Outcome list = run({"plugin", "list"});
  ASSERT_TRUE(ended_with(list, 0));
  for (const std::string name :
       {"regularizer self_distillation", "regularizer l2_sp", "freeze strategy freeze", "probe drift"})
    EXPECT_TRUE(has(list.out, name));
  const Outcome info = run({"plugin", "info", "self_distillation"});
  ASSERT_TRUE(ended_with(info, 0));
  for (const std::string part :
       {"strength", "temperature", "teacher", "divides both models' logits", "ABI", "libtorch"})
    EXPECT_TRUE(has(info.out, part));
  const Outcome misspelt = run({"plugin", "info", "self_distilation"});
  EXPECT_TRUE(ended_with(misspelt, 4));
  EXPECT_TRUE(has(misspelt.err, "did you mean 'self_distillation'?"));
}

TEST_F(CommandsTest, ARefusedPluginFileIsReportedAndTheOthersAreListed) {
  write(folder_ / "plugins" / "fake.so", "not a shared object");
  const Outcome list = stet(folder_.path(), {"plugin", "list"}, {{"STET_PLUGIN_PATH", (folder_ / "plugins").string()}});
  EXPECT_TRUE(ended_with(list, 4));
  EXPECT_TRUE(has(list.out, "refused: "));
  EXPECT_TRUE(has(list.out, "fake.so"));
  EXPECT_TRUE(has(list.out, "regularizer l2_sp"));
}

TEST_F(CommandsTest, ModelsAgreeWithTheirReferenceOrAreFoundOut) {
  for (const std::string name : {"qwen2-tiny", "gpt2-tiny"}) {
    const fs::path model = fixtures_folder() / "models" / name;
    const Outcome good = run({"model", "verify", model.string()});
    EXPECT_TRUE(ended_with(good, 0));
    EXPECT_EQ(count_of(good.out, ": agrees"), 2U);
    fs::copy(model, folder_ / name, fs::copy_options::recursive);
    fs::permissions(folder_ / name / "model.safetensors", fs::perms::owner_write, fs::perm_options::add);
    std::string bytes = read(folder_ / name / "model.safetensors");
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof header);
    // The sign of one weight in the middle: the last byte of a little-endian float.
    const std::size_t data = 8 + header, middle = data + (bytes.size() - data) / 8 * 4 + 3;
    bytes[middle] = static_cast<char>(bytes[middle] ^ 0x80);
    write(folder_ / name / "model.safetensors", bytes);
    const Outcome bad = run({"model", "verify", (folder_ / name).string()});
    EXPECT_TRUE(ended_with(bad, 6));
    EXPECT_TRUE(has(bad.out, ": DIFFERS"));
  }
  EXPECT_TRUE(ended_with(run({"model", "verify", "/nowhere"}), 3));
}

TEST_F(CommandsTest, ACheckpointThatIsNoneIsRefused) {
  fs::create_directory(folder_ / "step-5");
  const Outcome none = run({"checkpoint", "inspect", "step-5"});
  EXPECT_TRUE(ended_with(none, 5));
  EXPECT_TRUE(has(none.err, "no manifest.json"));
}

TEST_F(CommandsTest, TheDoctorKnowsTheMachine) {
  const Outcome doctor = run({"doctor", "--no-measure"});
  ASSERT_TRUE(ended_with(doctor, 0));
  for (const std::string part :
       {"libtorch", "processor", "memory", "plugin search path:", "lib/stet-plugins", "OMP_NUM_THREADS=1"})
    EXPECT_TRUE(has(doctor.out, part));
  EXPECT_FALSE(contains(doctor.out, "(absent)"));
}

}  // namespace
}  // namespace stet::e2e
