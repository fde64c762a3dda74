// The shared tokenizers, against what an independent implementation computed.
#include <fixtures_folder.hpp>
#include <stet/base/files.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/json.hpp>
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
  std::vector<const char*> names = {"gpt2-style", "llama3-style", "qwen2-style"};
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

}  // namespace
}  // namespace stet
