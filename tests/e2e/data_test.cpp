// `stet data build` and `stet data inspect`, alone and under mpirun, whole and killed.
#include <fixtures_folder.hpp>
#include "program.hpp"

#include <csignal>

namespace stet::e2e {
namespace {

class DataTest : public ::testing::Test {
 protected:
  DataTest() {
    fs::copy_file(fixtures_folder() / "tokenizers/gpt2-style/tokenizer.json", folder_ / "tokenizer.json");
    write(folder_ / "chat.jsonl",
          "\xEF\xBB\xBF{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", "
          "\"content\": \"Capital of Italy?\"}, "
          "{\"role\": \"assistant\", \"content\": \"Rome\"}, {\"role\": \"user\", \"content\": \"Sure?\"}, {\"role\": "
          "\"assistant\", \"content\": \"Yes.\"}]}\r\n");
    std::string lines;
    for (int i = 0; i < 300; ++i) {
      lines += i % 2 == 0 ? "{\"prompt\": \"The number after " + std::to_string(i) + " is\", \"completion\": \" " +
                                std::to_string(i + 1) + "\"}\n"
                          : "{\"text\": \"Line " + std::to_string(i) + " of a long story about caf\xC3\xA9s.\"}\n";
    }
    write(folder_ / "facts.jsonl", lines + "\n");
  }
  Outcome run(const Words& arguments, const std::map<std::string, std::string>& environment = {}) {
    return stet(folder_.path(), arguments, environment);
  }
  [[nodiscard]] Words build(const std::string& out, const Words& more = {}) const {
    Words words = {"data",           "build", "chat.jsonl", "facts.jsonl",       "--tokenizer",
                   "tokenizer.json", "--out", out,          "--shard-megabytes", "0.004"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  [[nodiscard]] std::map<std::string, std::string> bytes_of(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder_ / out))
      files[entry.path().filename().string()] = read(entry.path());
    return files;
  }

  Folder folder_;
};

TEST_F(DataTest, BuildAndInspect) {
  const Outcome built = run(build("shards"));
  ASSERT_TRUE(ended_with(built, 0));
  EXPECT_TRUE(has(built.out, "301 sequences"));
  EXPECT_TRUE(has(built.out, "150 prompt/completion, 1 messages, 150 text; 0 texts cut at 1024 tokens, 0 longer"));
  EXPECT_TRUE(has(built.out, "0 shards kept from an earlier build"));
  const Outcome seen = run({"data", "inspect", "shards", "--samples", "301", "--verify"});
  ASSERT_TRUE(ended_with(seen, 0));
  EXPECT_TRUE(has(seen.out, "verified: every shard has its checksum"));
  EXPECT_TRUE(has(seen.out, "The number after 0 is[[ 1<|endoftext|>]]\n"));
  EXPECT_TRUE(has(seen.out,
                  "system:\nBe brief.\nuser:\nCapital of "
                  "Italy?\nassistant:\n[[Rome<|endoftext|>]]user:\nSure?\nassistant:\n[[Yes.<|endoftext|>]]\n"));
  EXPECT_TRUE(has(seen.out, " of a long story about caf\xC3\xA9s.<|endoftext|>]]\n"));
  EXPECT_FALSE(contains(seen.out, "\033"));  // not a terminal
  EXPECT_EQ(count_of(seen.out, "--- sequence "), 301U);
  const Outcome few = run({"data", "inspect", "shards", "--samples", "2", "--seed", "5"});
  EXPECT_EQ(count_of(few.out, "--- sequence "), 2U);
  EXPECT_EQ(few.out, run({"data", "inspect", "shards", "--samples", "2", "--seed", "5"}).out);
}

TEST_F(DataTest, ABuildThatWasKilledIsContinued) {
  ASSERT_TRUE(ended_with(run(build("whole")), 0));
  const Outcome killed = run(build("shards"), {{"STET_FAULT", "kill:data.shard=3"}});
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_FALSE(fs::exists(folder_ / "shards/index.json"));
  const Outcome refused = run({"data", "inspect", "shards"});
  EXPECT_TRUE(ended_with(refused, 3));
  EXPECT_TRUE(has(refused.err, "no shard set here"));
  const Outcome again = run(build("shards"));
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_FALSE(contains(again.out, " 0 shards kept"));
  EXPECT_EQ(bytes_of("shards"), bytes_of("whole"));
}

#ifdef STET_MPIEXEC
TEST_F(DataTest, ManyRanksWriteTheSameBytes) {
  ASSERT_TRUE(ended_with(run(build("alone")), 0));
  const Outcome together = mpi_stet(3, folder_.path(), build("together"));
  ASSERT_TRUE(ended_with(together, 0));
  EXPECT_TRUE(has(together.out, "3 ranks"));
  EXPECT_EQ(bytes_of("together"), bytes_of("alone"));
  write(folder_ / "chat.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\"}\n");
  const Outcome wrong = mpi_stet(2, folder_.path(), build("wrong"));
  EXPECT_TRUE(ended_with(wrong, 3));
  EXPECT_TRUE(has(wrong.err, "chat.jsonl:2"));
  EXPECT_EQ(count_of(wrong.err, "an empty text"), 1U);
}
#endif

TEST_F(DataTest, MistakesAreNamed) {
  const auto expect = [&](const std::string& text, const std::string& place, const std::string& message) {
    write(folder_ / "chat.jsonl", text);
    const Outcome outcome = run(build("shards"));
    EXPECT_TRUE(ended_with(outcome, 3));
    EXPECT_TRUE(has(outcome.err, place));
    EXPECT_TRUE(has(outcome.err, message));
    EXPECT_TRUE(outcome.out.empty());
  };
  expect("{\"text\": \"a\"}\n{\"txt\": \"b\"}\n", "chat.jsonl:2", "did you mean \"text\"?");
  expect("{\"text\": \"a\"\n", "chat.jsonl:1", "malformed JSON");
  expect("{\"text\": \"a\xff\"}\n", "chat.jsonl:1", "iconv");
  expect("{\"text\": \"a\"}\n\n{\"text\": \"b\"}\n", "chat.jsonl:2", "a blank line");
  expect("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n", "chat.jsonl:1", "no assistant turn");
  expect("{\"messages\": [{\"role\": \"bot\", \"content\": \"a\"}]}\n", "chat.jsonl:1", "system, user or assistant");
  EXPECT_TRUE(ended_with(run({"data", "build", "chat.jsonl", "--out", "x"}), 2));
  EXPECT_TRUE(ended_with(
      run({"data", "build", "chat.jsonl", "--tokenizer", "tokenizer.json", "--out", "x", "--context", "1"}), 2));
  EXPECT_TRUE(ended_with(run({"data"}), 2));
  const Outcome missing = run({"data", "build", "nowhere.jsonl", "--tokenizer", "tokenizer.json", "--out", "x"});
  EXPECT_TRUE(ended_with(missing, 3));
  EXPECT_TRUE(has(missing.err, "nowhere.jsonl"));
}

TEST_F(DataTest, DamageIsFound) {
  ASSERT_TRUE(ended_with(run(build("shards")), 0));
  std::string bytes = read(folder_ / "shards/shard-00001.safetensors");
  bytes[bytes.size() - 2] = static_cast<char>(bytes[bytes.size() - 2] ^ 1);
  write(folder_ / "shards/shard-00001.safetensors", bytes);
  const Outcome found = run({"data", "inspect", "shards", "--verify"});
  EXPECT_TRUE(ended_with(found, 3));
  EXPECT_TRUE(has(found.err, "shard-00001.safetensors"));
  EXPECT_TRUE(has(found.err, "checksum"));
}

}  // namespace
}  // namespace stet::e2e
