#include <fixtures_folder.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/tokenizer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace stet {
namespace {

using nlohmann::json;

std::filesystem::path fixture(const std::string& name) { return fixtures_folder() / "tokenizers" / name; }

Tokenizer gpt2() { return Tokenizer::load(fixture("gpt2-style") / "tokenizer.json"); }

json gpt2_json() { return parse_json(read_file(fixture("gpt2-style") / "tokenizer.json"), "fixture"); }

std::string refusal(const json& file) {
  try {
    static_cast<void>(Tokenizer::from_json(file.dump(), "some/tokenizer.json"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(error.where().find("some/tokenizer.json"), std::string::npos);
    return error.what();
  }
  return "accepted";
}

#define EXPECT_NAMES(text, name) EXPECT_NE((text).find(name), std::string::npos) << (text)

TEST(Gpt2Tokenizer, AgreesWithTheIndependentImplementation) {
  const Tokenizer tokenizer = gpt2();
  const json expected = parse_json(read_file(fixture("gpt2-style") / "expected.json"), "expected.json");
  ASSERT_GE(expected.size(), 200U);
  for (const json& item : expected) {
    const auto text = item.at("text").get<std::string>();
    const auto ids = item.at("ids").get<std::vector<TokenId>>();
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids, false), item.at("decoded").get<std::string>());
  }
}

TEST(Gpt2Tokenizer, RoundTripsThroughItsJson) {
  const Tokenizer tokenizer = gpt2();
  const Tokenizer again = Tokenizer::from_json(tokenizer.to_json(), "copy");
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.vocabulary_size(), 1457U);
  EXPECT_EQ(again.end_of_text(), 1456);
  for (TokenId id = 0; id < 1457; ++id) EXPECT_EQ(again.token(id), tokenizer.token(id));
  const std::string text = "Who is the author of Operación Masacre? Rodolfo Walsh";
  EXPECT_EQ(again.encode(text), tokenizer.encode(text));
}

TEST(Gpt2Tokenizer, SpecialTokensAreMatchedFirstAndSkippedOnRequest) {
  const Tokenizer tokenizer = gpt2();
  const auto ids = tokenizer.encode("hi<|endoftext|> there");
  EXPECT_EQ(std::count(ids.begin(), ids.end(), tokenizer.end_of_text()), 1);
  EXPECT_EQ(tokenizer.decode(ids), "hi there");
  EXPECT_EQ(tokenizer.decode(ids, false), "hi<|endoftext|> there");
  EXPECT_EQ(tokenizer.encode("<|endoftext|>"), std::vector<TokenId>{tokenizer.end_of_text()});
  EXPECT_GT(tokenizer.encode("<|endoftext|").size(), 1U);
}

TEST(Gpt2Tokenizer, DecodesPartsOfCharactersAsReplacementCharacters) {
  const Tokenizer tokenizer = gpt2();
  const auto ids = tokenizer.encode("😗");  // four bytes, no merges in this vocabulary for all of them
  ASSERT_GT(ids.size(), 1U);
  EXPECT_EQ(tokenizer.decode(ids), "😗");
  EXPECT_EQ(tokenizer.decode(std::span(ids).first(1)), "\uFFFD");
}

TEST(Gpt2Tokenizer, RefusesTextThatIsNotUtf8) {
  const Tokenizer tokenizer = gpt2();
  for (const std::string text : {"ab\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_THROW(static_cast<void>(tokenizer.encode(text)), Error);
  }
}

TEST(Gpt2Tokenizer, LongWordsAndLongRunsOfSpacesWork) {
  const Tokenizer tokenizer = gpt2();
  for (const char c : {'a', ' ', '\n', '?', '7'}) {
    const std::string text(300000, c);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text + "x")), text + "x");
  }
}

TEST(Gpt2Tokenizer, ManyThreadsMayEncodeAtOnce) {
  const Tokenizer tokenizer = gpt2();
  const std::string text = "Which country is Lac de Pierre-Percée located in? France";
  const auto expected = tokenizer.encode(text);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += tokenizer.encode(text) != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(TokenizerFile, UnsupportedValuesOfCharacterBpeAreRefusedByName) {
  const auto with = [](const char* style, const char* pointer, const json& value) {
    json file = parse_json(read_file(fixtures_folder() / "tokenizers" / style / "tokenizer.json"), style);
    file[json::json_pointer(pointer)] = value;
    return refusal(file);
  };
  const char *llama = "llama2-style", *mistral = "mistral-style";
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/0/type", "Strip"), "\"normalizer.normalizers[0].prepend\"");
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/0/prepend", ""), "\"normalizer.normalizers[0].prepend\"");
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/1/pattern", {{"Regex", " "}}),
               "\"normalizer.normalizers[1].pattern.Regex\"");
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/1/content", 1), "\"normalizer.normalizers[1].content\"");
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/1/content", std::string(65, '_')),
               "\"normalizer.normalizers[1].content\"");
  EXPECT_NAMES(with(llama, "/normalizer/normalizers/0",
                    {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}}),
               "\"normalizer.normalizers[1].type\"");
  EXPECT_NAMES(with(llama, "/decoder/type", "ByteLevel"), "\"decoder.type\"");
  EXPECT_NAMES(with(llama, "/decoder/decoders", json::array()), "\"decoder.decoders\"");
  EXPECT_NAMES(with(llama, "/decoder/decoders/1/type", "Fuse"), "\"decoder.decoders[1].type\"");
  EXPECT_NAMES(with(llama, "/decoder/decoders/0/content", "_"), "\"decoder.decoders[0].content\"");
  EXPECT_NAMES(with(llama, "/decoder/decoders/3/start", 2), "\"decoder.decoders[3].start\"");
  EXPECT_NAMES(with(llama, "/decoder/decoders/3/stop", 1), "\"decoder.decoders[3].stop\"");
  EXPECT_NAMES(with(mistral, "/pre_tokenizer/prepend_scheme", "sometimes"), "\"pre_tokenizer.prepend_scheme\"");
  EXPECT_NAMES(with(mistral, "/pre_tokenizer/replacement", ""), "\"pre_tokenizer.replacement\"");
  EXPECT_NAMES(with(mistral, "/pre_tokenizer/surprise", 1), "\"pre_tokenizer.surprise\"");
  json lacking = parse_json(read_file(fixtures_folder() / "tokenizers/llama2-style/tokenizer.json"), "lacking");
  lacking["model"]["vocab"]["<byte 65>"] = lacking["model"]["vocab"]["<0x41>"];
  lacking["model"]["vocab"].erase("<0x41>");
  EXPECT_NAMES(refusal(lacking), "\"<0x41>\" is not in model.vocab");
}

TEST(TokenizerFile, UnsupportedValuesAreRefusedByName) {
  const auto with = [](const char* pointer, const json& value) {
    json file = gpt2_json();
    file[json::json_pointer(pointer)] = value;
    return refusal(file);
  };
  EXPECT_NAMES(with("/normalizer", {{"type", "Lowercase"}}), "\"normalizer.type\"");
  EXPECT_NAMES(with("/normalizer", {{"type", "NFC"}, {"surprise", 1}}), "\"normalizer.surprise\"");
  EXPECT_NAMES(with("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Strip"}}}}}),
               "\"normalizer.normalizers[1].type\"");
  EXPECT_NAMES(with("/pre_tokenizer/type", "Whitespace"), "\"pre_tokenizer.type\"");
  EXPECT_NAMES(with("/pre_tokenizer/add_prefix_space", "yes"), "\"pre_tokenizer.add_prefix_space\"");
  EXPECT_NAMES(with("/pre_tokenizer", nullptr), "\"pre_tokenizer\"");
  EXPECT_NAMES(with("/decoder/type", "Metaspace"), "\"decoder.type\"");
  EXPECT_NAMES(with("/post_processor", {{"type", "RobertaProcessing"}}), "\"post_processor.type\"");
  EXPECT_NAMES(with("/truncation", 8), "\"truncation\"");
  EXPECT_NAMES(with("/padding", "BatchLongest"), "\"padding\"");
  EXPECT_NAMES(with("/model/type", "Unigram"), "\"model.type\"");
  EXPECT_NAMES(with("/model/dropout", 0.1), "\"model.dropout\"");
  EXPECT_NAMES(with("/model/byte_fallback", true), "\"pre_tokenizer.type\"");  // another kind of file
  EXPECT_NAMES(with("/model/ignore_merges", 1), "\"model.ignore_merges\"");
  EXPECT_NAMES(with("/model/end_of_word_suffix", "</w>"), "\"model.end_of_word_suffix\"");
  EXPECT_NAMES(with("/model/continuing_subword_prefix", "##"), "\"model.continuing_subword_prefix\"");
  EXPECT_NAMES(with("/model/unk_token", 3), "\"model.unk_token\"");
  EXPECT_NAMES(with("/model/surprise", 1), "\"model.surprise\"");
  EXPECT_NAMES(with("/added_tokens/0/lstrip", 1), "\"added_tokens[0].lstrip\"");
  EXPECT_NAMES(with("/added_tokens/0/surprise", 1), "\"added_tokens[0].surprise\"");
}

TEST(TokenizerFile, BrokenFilesAreRefusedWithTheField) {
  const auto changed = [](const auto& change) {
    json file = gpt2_json();
    change(file);
    return refusal(file);
  };
  EXPECT_NAMES(changed([](json& f) { f.erase("model"); }), "\"model\"");
  EXPECT_NAMES(changed([](json& f) { f["added_tokens"] = 3; }), "\"added_tokens\"");
  EXPECT_NAMES(changed([](json& f) { f["added_tokens"][0]["id"] = 7; }), "\"model.vocab\"");
  EXPECT_NAMES(changed([](json& f) { f["added_tokens"][0].erase("id"); }), "\"added_tokens[0].id\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["vocab"]["!"] = -1; }), "\"model.vocab\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["vocab"]["!"] = "0"; }), "\"model.vocab\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["vocab"]["!"] = 1; }), "\"model.vocab\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["vocab"].erase("Who"); }), "\"model.");
  EXPECT_NAMES(changed([](json& f) { f["model"]["merges"].push_back("a b c"); }), "\"model.merges[1200]\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["merges"].push_back("zz qq"); }), "\"model.merges\"");
  EXPECT_NAMES(changed([](json& f) { f["model"]["merges"].push_back(f["model"]["merges"][0]); }), "occurs twice");
  EXPECT_NAMES(changed([](json& f) { f["model"]["merges"] = "none"; }), "\"model.merges\"");
  EXPECT_NAMES(refusal(json::array()), "whole file");
}

TEST(TokenizerFile, MergesMayBePairs) {
  json file = gpt2_json();
  for (json& merge : file["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    const auto space = text.find(' ');
    merge = {text.substr(0, space), text.substr(space + 1)};
  }
  EXPECT_EQ(Tokenizer::from_json(file.dump(), "pairs").hash(), gpt2().hash());
}

TEST(TokenizerFile, MalformedJsonNamesLineAndColumn) {
  try {
    static_cast<void>(Tokenizer::from_json("{\n  \"model\": {,\n}", "bad.json"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "bad.json:2:13");
  }
  EXPECT_THROW(static_cast<void>(Tokenizer::from_json("", "empty.json")), Error);
  EXPECT_THROW(static_cast<void>(Tokenizer::load("/nowhere/tokenizer.json")), Error);
}

TEST(WordLevel, EncodesWordsAndDecodesWithSingleSpaces) {
  const std::vector<std::string> words = {"the", "cat", ".", "é"};
  const Tokenizer tokenizer = make_word_level(words);
  EXPECT_EQ(tokenizer.vocabulary_size(), 6U);
  EXPECT_EQ(tokenizer.id_of("<unk>"), 0);
  EXPECT_EQ(tokenizer.end_of_text(), 1);
  EXPECT_EQ(tokenizer.id_of("the"), 2);
  EXPECT_FALSE(tokenizer.id_of("dog"));
  EXPECT_EQ(tokenizer.encode("the  dog\t.\u3000\u0085é cat"), (std::vector<TokenId>{2, 0, 4, 5, 3}));
  EXPECT_EQ(tokenizer.encode(""), std::vector<TokenId>{});
  EXPECT_EQ(tokenizer.encode("the<|endoftext|>cat"), (std::vector<TokenId>{2, 1, 3}));
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{2, 3, 1, 4}), "the cat .");
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{0, 1}, false), "<unk> <|endoftext|>");
}

TEST(WordLevel, RoundTripsThroughItsJson) {
  const Tokenizer tokenizer = make_word_level(std::vector<std::string>{"b", "a"});
  EXPECT_TRUE(tokenizer.is_word_level());
  const Tokenizer again = Tokenizer::from_json(tokenizer.to_json(), "copy");
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.encode("a b c"), (std::vector<TokenId>{3, 2, 0}));
  EXPECT_NE(tokenizer.hash(), make_word_level(std::vector<std::string>{"a", "b"}).hash());
  json file = parse_json(tokenizer.to_json(), "copy");
  file["model"]["unk_token"] = "b";
  EXPECT_NAMES(refusal(file), "\"model.unk_token\"");
}

TEST(WordLevel, RefusesWordsThatItCouldNotSplit) {
  for (const std::string bad : {"", "two words", "tab\t", "a\u3000b", "\xff", "<unk>", "<|endoftext|>"}) {
    EXPECT_THROW(static_cast<void>(make_word_level(std::vector<std::string>{"fine", bad})), Error) << bad;
  }
  EXPECT_THROW(static_cast<void>(make_word_level(std::vector<std::string>{"a", "a"})), Error);
}

TEST(TokenizerFile, SavesAtomicallyAndLoads) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "tokenizer_test.json";
  const Tokenizer tokenizer = gpt2();
  tokenizer.save(path);
  EXPECT_EQ(Tokenizer::load(path).hash(), tokenizer.hash());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace stet
