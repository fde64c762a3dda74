// `stet export` and `stet generate` as a user has them.
#include "program.hpp"
#include <fixtures_folder.hpp>

#include <algorithm>

namespace stet::e2e {
namespace {

class ModelCommandsTest : public ::testing::Test {
 protected:
  Outcome run(const Words& arguments) { return stet(folder_.path(), arguments); }
  static std::string fixture(const std::string& name) { return (fixtures_folder() / "models" / name).string(); }

  Folder folder_;
};

TEST_F(ModelCommandsTest, ExportOfAForeignFolderIsTheSameBytes) {
  for (const std::string name : {"gpt2-tiny", "pythia-tiny", "llama3-tiny"}) {
    const Outcome done = run({"export", fixture(name), name});
    ASSERT_TRUE(ended_with(done, 0));
    EXPECT_TRUE(has(done.out, "parameters in"));
    EXPECT_EQ(read(folder_ / name / "model.safetensors"), read(fixture(name) + "/model.safetensors"));
    EXPECT_EQ(read(folder_ / name / "config.json"), read(fixture(name) + "/config.json"));
  }
  const Outcome again = run({"export", fixture("gpt2-tiny"), "pythia-tiny"});
  EXPECT_TRUE(ended_with(again, 2));
  EXPECT_TRUE(has(again.err, "not empty"));
  EXPECT_TRUE(ended_with(run({"export", "/nowhere", "new"}), 3));
  EXPECT_FALSE(fs::exists(folder_ / "new"));
}

TEST_F(ModelCommandsTest, GenerateContinuesIds) {
  const std::string model = fixture("llama3-tiny");
  const Outcome greedy = run({"generate", model, "--prompt", "12 7 301", "--max-tokens", "9"});
  ASSERT_TRUE(ended_with(greedy, 0));
  EXPECT_LE(std::count(greedy.out.begin(), greedy.out.end(), ' '), 8);
  EXPECT_EQ(run({"generate", model, "--prompt", "12 7 301", "--max-tokens", "9"}).out, greedy.out);
  const Words sampled = {"generate", model, "--prompt", "12 7 301", "--max-tokens", "9", "--temperature", "1.5", "--top-k", "40", "--samples", "3", "--seed"};
  const auto with_seed = [&](const std::string& seed) {
    Words words = sampled;
    words.push_back(seed);
    const Outcome outcome = run(words);
    EXPECT_TRUE(ended_with(outcome, 0));
    return outcome.out;
  };
  const std::string three = with_seed("1");
  EXPECT_TRUE(has(three, "[1] "));
  EXPECT_TRUE(has(three, "[3] "));
  EXPECT_EQ(with_seed("1"), three);
  EXPECT_NE(with_seed("2"), three);
}

TEST_F(ModelCommandsTest, GenerateRefusesWhatMakesNoSense) {
  const std::string model = fixture("gpt2-tiny");  // vocabulary 256, context 64
  EXPECT_TRUE(ended_with(run({"generate", model, "--prompt", "hello"}), 2));
  EXPECT_TRUE(ended_with(run({"generate", model, "--prompt", "1 2", "--samples", "2"}), 2));
  EXPECT_TRUE(ended_with(run({"generate", model, "--prompt", "1 2", "--temperature", "-1"}), 2));
  EXPECT_TRUE(ended_with(run({"generate", model, "--prompt", "256"}), 3));
  EXPECT_TRUE(ended_with(run({"generate", model, "--prompt", ""}), 3));
  std::string long_prompt;
  for (int i = 0; i < 65; ++i) long_prompt += "1 ";
  const Outcome too_long = run({"generate", model, "--prompt", long_prompt});
  EXPECT_TRUE(ended_with(too_long, 3));
  EXPECT_TRUE(has(too_long.err, "context"));
  EXPECT_TRUE(ended_with(run({"generate", "/nowhere", "--prompt", "1"}), 3));
}

}  // namespace
}  // namespace stet::e2e
