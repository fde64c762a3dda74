// `stet export` and `stet generate` as a user has them.
#include <fixtures_folder.hpp>
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <sstream>

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
  const Words sampled = {"generate", model, "--prompt",  "12 7 301", "--max-tokens", "9", "--temperature", "1.5",
                         "--top-k",  "40",  "--samples", "3",        "--seed"};
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

/// The words of a line of ids.
std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

TEST_F(ModelCommandsTest, GenerateStopsAtEveryEndTokenOfGenerationConfig) {
  const fs::path model = folder_ / "model";
  fs::create_directory(model);
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file(fs::path(fixture("gpt2-tiny")) / name, model / name);
  const auto continuation = [&] {
    const Outcome outcome =
        run({"generate", "model", "--prompt", "12 7 30", "--max-tokens", "20", "--temperature", "1.5", "--seed", "3"});
    EXPECT_TRUE(ended_with(outcome, 0));
    return words_of(outcome.out);
  };
  const std::vector<std::string> all = continuation();
  ASSERT_EQ(all.size(), 20U);
  const auto cut_at = [&](const std::string& a, const std::string& b) {
    return std::vector<std::string>(
        all.begin(), std::find_if(all.begin(), all.end(), [&](const std::string& id) { return id == a || id == b; }));
  };
  write(model / "generation_config.json", "{\"eos_token_id\": [" + all[9] + ", " + all[4] + "]}");
  EXPECT_EQ(continuation(), cut_at(all[9], all[4]));
  write(model / "generation_config.json", "{\"eos_token_id\": " + all[7] + "}");
  EXPECT_EQ(continuation(), cut_at(all[7], all[7]));
}

TEST_F(ModelCommandsTest, GeneratePutsTheTokenForTheBeginningOnce) {
  const fs::path model = folder_ / "model",
                 tokenizer = fs::path(STET_SOURCE_DIR) / "tests/fixtures/tokenizers/lacking/tokenizer.json";
  fs::create_directory(model);
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file(fs::path(fixture("gpt2-tiny")) / name, model / name);
  auto json = nlohmann::json::parse(read(tokenizer));  // 170 tokens; the model has 256
  json["post_processor"] = nlohmann::json::parse(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
    {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}})");
  write(model / "tokenizer.json", json.dump());
  const auto generated = [&](const Words& more) {
    Words words = {"generate", "model", "--max-tokens", "30"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run(words);
    EXPECT_TRUE(ended_with(outcome, 0));
    return outcome.out;
  };
  const std::string with = generated({"--prompt", "the fox"});
  EXPECT_EQ(generated({"--prompt", "<|endoftext|>the fox"}), with);
  EXPECT_EQ(generated({"--prompt", "<|endoftext|>the fox", "--no-special"}), with);
  EXPECT_NE(generated({"--prompt", "the fox", "--no-special"}), with);
  EXPECT_EQ(generated({"--prompt", "[the,fox]"}), generated({"--prompt=[the,fox]"}));
}

TEST_F(ModelCommandsTest, AnEndTokenOfAnotherNameIsAskedFor) {
  fs::copy_file(fs::path(STET_SOURCE_DIR) / "tests/fixtures/tokenizers/other-eos/tokenizer.json",
                folder_ / "tokenizer.json");
  write(folder_ / "a.jsonl", "{\"text\": \"the quick fox\"}\n");
  const Words build = {"data", "build", "a.jsonl", "--tokenizer", "tokenizer.json", "--out", "shards"};
  const auto built = [&](const Words& more) {
    Words words = build;
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const Outcome asked = built({});
  EXPECT_TRUE(ended_with(asked, 3));
  EXPECT_TRUE(has(asked.err, "the special tokens <|end|>"));
  EXPECT_TRUE(has(asked.err, "--end-token"));
  EXPECT_TRUE(ended_with(built({"--end-token", "<|fin|>"}), 2));
  ASSERT_TRUE(ended_with(built({"--end-token", "<|end|>"}), 0));
  EXPECT_TRUE(has(run({"data", "inspect", "shards", "--samples", "1"}).out, "t[[he quick fox<|end|>]]"));
  write(folder_ / "tokenizer_config.json", R"({"eos_token": "<|end|>"})");
  EXPECT_TRUE(ended_with(built({}), 0));
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
