// `stet tokenizer ...` as a user runs it: the program's output and exit code.
#include <fixtures_folder.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace {

namespace fs = std::filesystem;

class TokenizerCommands : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "stet_tokenizer.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::ofstream(folder_ / "a.txt") << "low lower lowest\nlow low newest\n";
    std::ofstream(folder_ / "b.jsonl") << "{\"text\": \"low newest\"}\n\n{\"text\": \"n\\u00e9west\"}\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Exit code and output, both streams.
  [[nodiscard]] std::pair<int, std::string> stet(const std::string& arguments, const std::string& input = "") const {
    std::ofstream(folder_ / "input") << input;
    const std::string line =
        "cd '" + folder_.string() + "' && '" STET_PROGRAM "' tokenizer " + arguments + " < input 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
  }

  [[nodiscard]] static std::string fixture(const char* style) {
    return (stet::fixtures_folder() / "tokenizers" / style).string();
  }

  fs::path folder_;
};

TEST_F(TokenizerCommands, TrainEncodeAndDecode) {
  const auto [code, output] = stet("train --out t.json --vocabulary 262 --min-frequency 2 a.txt b.jsonl");
  ASSERT_EQ(code, 0) << output;
  EXPECT_NE(output.find("t.json: 262 tokens"), std::string::npos) << output;
  EXPECT_EQ(stet("encode t.json --tokens 'low' \"a'\nb\"").second, "'low'\n'a' '\\'' '\\n' 'b'\n");
  EXPECT_EQ(stet("encode t.json --tokens 'é'").second, "'\\xc3' '\\xa9'\n");
  const std::string ids = stet("encode t.json", "low newest\nnéwest\n").second;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), '\n'), 2);
  EXPECT_EQ(stet("decode t.json", ids).second, "low newest\nnéwest\n");
  EXPECT_EQ(stet("decode t.json 256 0 1 256").second, "!\"\n");
  EXPECT_EQ(stet("decode t.json --special 256,0").second, "<|endoftext|>!\n");
}

TEST_F(TokenizerCommands, TextsAreTakenAsTheyAre) {
  const std::string gpt2 = "'" + fixture("gpt2-style") + "'";
  EXPECT_EQ(stet("encode " + gpt2 + " --tokens -- '[MASK]' '[a,b]' '{}' '%%' '[]' '-v' 'a b'").second,
            stet("encode " + gpt2 + " --tokens", "[MASK]\n[a,b]\n{}\n%%\n[]\n-v\na b\n").second);
  EXPECT_EQ(stet("encode " + gpt2 + " --tokens '[MASK]'").second,
            stet("encode " + gpt2 + " --tokens", "[MASK]\n").second);
  EXPECT_EQ(stet("encode " + gpt2 + " '{}'").second, stet("encode " + gpt2, "{}\n").second);
  EXPECT_EQ(stet("encode " + gpt2 + " ''").second, "\n");
  std::ofstream(folder_ / "[a,b]") << "low low low\n";
  const auto [code, output] = stet("train --out '[t]' --vocabulary 258 '[a,b]'");
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(stet("encode '[t]' low").second, stet("encode ./'[t]' low").second);
}

TEST_F(TokenizerCommands, WhatATokenizerLeavesOutIsSaidOnce) {
  const auto said = [&](const char* style) {
    return stet(std::string("encode '") + (fs::path(STET_SOURCE_DIR) / "tests/fixtures/tokenizers" / style).string() +
                    "'",
                "a\x04"
                "b\n\n")
        .second;
  };
  const std::string lacking = said("lacking"), padded = said("padded");
  EXPECT_NE(lacking.find("210 of 256 bytes have no token and give nothing"), std::string::npos) << lacking;
  EXPECT_NE(lacking.find("16 17\n"), std::string::npos) << lacking;
  EXPECT_NE(said("lacking-unk").find("210 of 256 bytes have no token and give \"<unk>\""), std::string::npos);
  EXPECT_NE(padded.find("truncation"), std::string::npos) << padded;
  EXPECT_EQ(padded.find("truncation"), padded.rfind("truncation")) << padded;
}

TEST_F(TokenizerCommands, SpecialTokensAreAddedOnRequest) {
  const std::string llama3 = "'" + fixture("llama3-style") + "'";
  EXPECT_EQ(stet("encode " + llama3 + " ''").second, "\n");
  EXPECT_EQ(stet("encode " + llama3 + " --special ''").second, "1756\n");
}

TEST_F(TokenizerCommands, VerifySaysWhatDiffersAndFails) {
  for (const char* style : {"gpt2-style", "llama3-style", "qwen2-style"}) {
    const auto [code, output] = stet("verify '" + fixture(style) + "'");
    EXPECT_EQ(code, 0);
    std::ifstream file(fixture(style) + "/expected.json");
    const std::string texts = std::to_string(nlohmann::json::parse(file).size());
    EXPECT_GT(texts, "200");
    EXPECT_NE(output.find(texts + " of " + texts + " texts agree: agrees"), std::string::npos) << output;
  }
  fs::copy_file(fixture("gpt2-style") + "/tokenizer.json", folder_ / "tokenizer.json");
  std::ofstream(folder_ / "expected.json") << R"([{"text": "!\n", "ids": [0, 5]}, {"text": "!", "ids": [0]}])";
  const auto [code, output] = stet("verify .");
  EXPECT_EQ(code, 3);
  EXPECT_EQ(output,
            ".: 1 of 2 texts agree: DIFFERS\n  text 0: '!\\n'\n    ours     ids [0, 198]\n    expected ids [0, 5]\n");
}

TEST_F(TokenizerCommands, BadInputIsNamed) {
  const auto refused = [&](const std::string& arguments, int expected, const char* part) {
    const auto [code, output] = stet(arguments);
    EXPECT_EQ(code, expected) << output;
    EXPECT_NE(output.find(part), std::string::npos) << output;
  };
  refused("train --out t.json --vocabulary 100 a.txt", 2, "257");
  refused("train --out t.json --vocabulary 300 nowhere.txt", 3, "nowhere.txt");
  refused("train --out t.json --vocabulary 300 .", 3, "cannot be opened");
  refused("train --vocabulary 300 a.txt", 2, "--out");
  std::ofstream(folder_ / "bad.jsonl") << "{\"text\": \"fine\"}\n{\"txt\": 1}\n";
  refused("train --out t.json --vocabulary 300 bad.jsonl", 3, "bad.jsonl:2");
  std::ofstream(folder_ / "bad.txt") << "fine\n\xff\n";
  refused("train --out t.json --vocabulary 300 bad.txt", 3, "bad.txt:2");
  refused("encode nowhere.json a", 3, "nowhere.json");
  refused("decode '" + fixture("gpt2-style") + "' 1457", 2, "1457");
  refused("decode '" + fixture("gpt2-style") + "' x", 2, "from 0 to 1456");
  refused("verify .", 3, "tokenizer.json");
  EXPECT_FALSE(fs::exists(folder_ / "t.json"));
}

}  // namespace
