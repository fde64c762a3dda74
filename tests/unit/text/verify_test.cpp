#include <fixtures_folder.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/verify.hpp>

#include <gtest/gtest.h>

#include <filesystem>

namespace stet {
namespace {

TEST(VerifyTokenizer, CountsWhatAgreesAndShowsWhatDoesNot) {
  const auto source = fixtures_folder() / "tokenizers" / "llama3-style";
  const TokenizerVerification good = verify_tokenizer(source);
  EXPECT_TRUE(good.passed());
  EXPECT_GE(good.texts, 200U);
  const auto folder = std::filesystem::path(::testing::TempDir()) / "stet_verify_tokenizer";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "tokenizer.json", read_file(source / "tokenizer.json"));
  nlohmann::json expected = parse_json(read_file(source / "expected.json"), "expected.json");
  expected[7]["ids"].push_back(3);
  expected[7]["decoded"] = "something else";
  expected[9].erase("decoded");
  write_file_atomically(folder / "expected.json", expected.dump());
  const TokenizerVerification result = verify_tokenizer(folder);
  EXPECT_FALSE(result.passed());
  EXPECT_EQ(result.agreeing + 1, result.texts);
  ASSERT_EQ(result.differences.size(), 2U);
  EXPECT_EQ(result.differences[0].item, 7U);
  EXPECT_EQ(result.differences[0].what, "ids");
  EXPECT_EQ(result.differences[1].expected, "something else");
  for (const char* bad :
       {"[]", "{}", "[3]", R"([{"text": "a"}])", R"([{"text": 1, "ids": []}])", R"([{"text": "a", "ids": [-1]}])"}) {
    write_file_atomically(folder / "expected.json", bad);
    EXPECT_THROW(static_cast<void>(verify_tokenizer(folder)), Error) << bad;
  }
  std::filesystem::remove(folder / "expected.json");
  EXPECT_THROW(static_cast<void>(verify_tokenizer(folder)), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace stet
