// The shared tokenizers, against what an independent implementation computed.
#include <fixtures_folder.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/tokenizer.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace stet {
namespace {

using nlohmann::json;

class Fixture : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::filesystem::path folder() { return fixtures_folder() / "tokenizers" / GetParam(); }
  Tokenizer tokenizer = Tokenizer::load(folder() / "tokenizer.json");
  json expected = parse_json(read_file(folder() / "expected.json"), "expected.json");
};

TEST_P(Fixture, EveryIdAndEveryDecodedTextIsEqual) {
  ASSERT_GE(expected.size(), 200U);
  Encoder encoder(tokenizer), tiny(tokenizer, 3);
  for (const json& item : expected) {
    const auto text = item.at("text").get<std::string>();
    const auto ids = item.at("ids").get<std::vector<TokenId>>();
    const auto plain = item.at("ids_without_special").get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.encode(text), plain) << text;
    EXPECT_EQ(tokenizer.encode(text, SpecialTokens::add), ids) << text;
    EXPECT_EQ(tokenizer.decode(plain, false), item.at("decoded").get<std::string>());
    for (Encoder* cached : {&encoder, &encoder, &tiny}) {  // the second time from the cache
      std::vector<TokenId> out = {-5};
      cached->encode(text, out, SpecialTokens::add);
      EXPECT_EQ(out[0], -5);
      out.erase(out.begin());
      EXPECT_EQ(out, ids) << text;
    }
  }
}

TEST_P(Fixture, RoundTripsThroughItsJsonWithEveryField) {
  const std::string text = tokenizer.to_json();
  const Tokenizer again = Tokenizer::from_json(text, "copy");
  EXPECT_EQ(again.to_json(), text);
  EXPECT_EQ(again.hash(), tokenizer.hash());
  json original = parse_json(read_file(folder() / "tokenizer.json"), "original");
  for (json& merge : original["model"]["merges"]) {
    if (merge.is_array()) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  EXPECT_EQ(parse_json(text, "copy"), original);
  for (const json& item : expected) {
    EXPECT_EQ(again.encode(item.at("text").get<std::string>(), SpecialTokens::add),
              item.at("ids").get<std::vector<TokenId>>());
  }
}

TEST_P(Fixture, AnEncoderAThreadGivesTheSameIds) {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Encoder encoder(tokenizer, 100);
      std::vector<TokenId> out;
      for (const json& item : expected) {
        out.clear();
        encoder.encode(item.at("text").get_ref<const std::string&>(), out);
        wrong += out != item.at("ids_without_special").get<std::vector<TokenId>>();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// The form in which SmolLM2's own comes is too large for the repository; `lacking` and its like stand for it there.
std::vector<const char*> styles() {
  std::vector<const char*> names = {"gpt2-style", "llama3-style", "qwen2-style", "llama2-style", "mistral-style"};
  if (on_reference_data()) {
    names.push_back("smollm2");
  } else {
    names.insert(names.end(), {"lacking", "lacking-unk", "lacking-fused", "padded", "hole-cl100k", "other-eos"});
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Styles, Fixture, ::testing::ValuesIn(styles()), [](const auto& given) {
  std::string name = given.param;
  std::erase(name, '-');
  return name;
});

TEST(CharacterBpe, OnlyTheBeginningOfATextGetsABlank) {
  for (const char* style : {"llama2-style", "mistral-style"}) {
    const Tokenizer tokenizer = Tokenizer::load(fixtures_folder() / "tokenizers" / style / "tokenizer.json");
    const auto inside = [&](std::string_view text) {
      return tokenizer.encode(text, SpecialTokens::leave_out, TextPosition::inside);
    };
    // A question and its answer, encoded apart, are what they are together, where no merge crosses their seam.
    const std::string question = "Who is it? The answer is", answer = " yes";
    std::vector<TokenId> apart = tokenizer.encode(question);
    const std::vector<TokenId> second = inside(answer);
    apart.insert(apart.end(), second.begin(), second.end());
    EXPECT_EQ(apart, tokenizer.encode(question + answer)) << style;
    EXPECT_EQ(tokenizer.encode("yes"), inside(" yes")) << style;
    EXPECT_NE(tokenizer.encode("yes"), inside("yes")) << style;
    EXPECT_EQ(tokenizer.decode(inside("yes")), "yes") << style;
    EXPECT_TRUE(inside("").empty());
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("\xe2\x98\x83\n")), "\xe2\x98\x83\n") << style;  // by bytes
    EXPECT_EQ(tokenizer.bytes_without_token(), 0U);
    EXPECT_EQ(tokenizer.before_text().size(), 1U);
  }
  const Tokenizer plain = Tokenizer::load(fixtures_folder() / "tokenizers/gpt2-style/tokenizer.json");
  EXPECT_EQ(plain.encode("yes", SpecialTokens::leave_out, TextPosition::inside), plain.encode("yes"));
}

}  // namespace
}  // namespace stet
