// Tokenizers of forms that users reported: bytes without a token, padding and truncation, ids that no token has, end
// tokens of other names. Values by the Rust original (tokenizers 0.23); fixtures_test.cpp compares every text.
#include <error_of.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/end_token.hpp>
#include <stet/text/unicode/normalizer.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace stet {
namespace {

using Ids = std::vector<TokenId>;
using nlohmann::json;

std::filesystem::path report_file(const std::string& name) {
  return std::filesystem::path(STET_SOURCE_DIR) / "tests" / "fixtures" / "tokenizers" / name / "tokenizer.json";
}
Tokenizer load_report(const std::string& name) { return Tokenizer::load(report_file(name)); }

TEST(ReportedTokenizers, AByteWithoutATokenGivesNothingOrTheUnknownToken) {
  const Tokenizer none = load_report("lacking"), unknown = load_report("lacking-unk"),
                  fused = load_report("lacking-fused");
  EXPECT_EQ(none.bytes_without_token(), 210U);
  EXPECT_EQ(none.encode("a\x04"
                        "b"),
            (Ids{16, 17}));
  EXPECT_EQ(none.encode("\x04"), Ids{});
  EXPECT_EQ(none.decode(none.encode("a\x04\x05"
                                    "b")),
            "ab");
  EXPECT_EQ(unknown.encode("a\x04\x05"
                           "b"),
            (Ids{17, 1, 1, 18}));
  EXPECT_EQ(fused.encode("a\x04\x05"
                         "b"),
            (Ids{17, 1, 18}));
  EXPECT_EQ(load_report("padded").bytes_without_token(), 0U);
}

TEST(ReportedTokenizers, AnUnknownTokenThatIsNoneIsRefusedWhereItIsNeeded) {
  json file = parse_json(read_file(report_file("lacking-unk")), "lacking-unk");
  file["model"]["unk_token"] = "<nobody>";
  const Error error = testing::error_of([&] { static_cast<void>(Tokenizer::from_json(file.dump(), "some.json")); });
  EXPECT_NE(std::string(error.what()).find("\"model.unk_token\""), std::string::npos) << error.what();
  json full = parse_json(read_file(report_file("padded")), "padded");  // every byte has a token: nothing is unknown
  full["model"]["unk_token"] = "<nobody>";
  EXPECT_EQ(Tokenizer::from_json(full.dump(), "some.json").encode("the quick fox"),
            load_report("padded").encode("the quick fox"));
}

TEST(ReportedTokenizers, PaddingAndTruncationDoNotChangeTheTokensOfAText) {
  const Tokenizer padded = load_report("padded");
  EXPECT_EQ(padded.encode("a town of two harbours"), (Ids{64, 399, 1009, 272, 286, 86, 78, 931, 268, 1196, 82}));
  EXPECT_EQ(padded.encode("the quick fox"), (Ids{83, 276, 220, 374, 576, 305, 870}));
  EXPECT_EQ(padded.encode(" hello 123"), (Ids{422, 75, 920, 220, 16, 17, 18}));
}

TEST(ReportedTokenizers, IdsWithoutATokenLoad) {
  const Tokenizer hole = load_report("hole-cl100k");
  EXPECT_EQ(hole.vocabulary_size(), 1458U);
  EXPECT_EQ(hole.end_of_text(), 1457);
  EXPECT_EQ(hole.token(1456), "");
  EXPECT_EQ(hole.id_of(""), std::nullopt);
  EXPECT_EQ(hole.decode(Ids{64, 1456, 83}), "at");
  EXPECT_EQ(hole.encode("a town of two harbours"), (Ids{64, 399, 1010, 272, 286, 86, 78, 935, 268, 1197, 82}));
  json file = parse_json(read_file(report_file("hole-cl100k")), "hole");
  file["added_tokens"][0]["id"] = 7;  // of another token
  EXPECT_NE(std::string(testing::error_of([&] { static_cast<void>(Tokenizer::from_json(file.dump(), "f")); }).what())
                .find("each id once"),
            std::string::npos);
  file["added_tokens"][0]["id"] = (1 << 28) - 1;  // a hole that would take gigabytes
  EXPECT_NE(std::string(testing::error_of([&] { static_cast<void>(Tokenizer::from_json(file.dump(), "f")); }).what())
                .find("model.vocab"),
            std::string::npos);
}

TEST(ReportedTokenizers, AnEndTokenOfAnotherNameIsAskedFor) {
  const Tokenizer tokenizer = load_report("other-eos");
  EXPECT_EQ(tokenizer.encode("the quick fox"), (Ids{83, 276, 220, 374, 576, 305, 874}));
  const Error error = testing::error_of([&] { static_cast<void>(tokenizer.end_of_text()); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_EQ(error.received(), "the special tokens <|end|>");
  EXPECT_NE(error.where().find("other-eos"), std::string::npos);
  EXPECT_EQ(tokenizer.with_end_of_text("<|end|>").end_of_text(), 1456);
  EXPECT_EQ(testing::error_of([&] { static_cast<void>(tokenizer.with_end_of_text("<|fin|>")); }).kind(),
            ErrorKind::config);
}

class EndToken : public ::testing::Test {
 protected:
  EndToken() {
    put("tokenizer.json", read_file(report_file("padded")));
  }  // special: 1256 <|endoftext|>, 1257 <|im_start|>, 1258 <|im_end|>
  void put(const std::string& name, const std::string& text) { folder_.write(name, text); }
  [[nodiscard]] TokenId end() const { return Tokenizer::load(folder_ / "tokenizer.json").end_of_text(); }
  testing::Folder folder_;
};

TEST_F(EndToken, IsWhatTheFolderSays) {
  EXPECT_EQ(end(), 1256);
  put("config.json", R"({"eos_token_id": 1257, "somewhere": Infinity})");
  EXPECT_EQ(end(), 1257);
  put("generation_config.json", R"({"eos_token_id": [1258, 1256]})");  // goes before config.json
  EXPECT_EQ(end(), 1258);
  EXPECT_EQ(read_end_ids(folder_.path()), (Ids{1258, 1256}));
  put("tokenizer_config.json", R"({"eos_token": {"content": "<|endoftext|>"}})");  // which of the list
  EXPECT_EQ(end(), 1256);
  put("generation_config.json", R"({"eos_token_id": 1258})");
  EXPECT_EQ(end(), 1258);
  put("generation_config.json", R"({"eos_token_id": null})");
  put("config.json", R"({"eos_token_id": 2})");  // a default of the writer: an ordinary token
  EXPECT_EQ(end(), 1256);
  put("tokenizer_config.json", R"({"eos_token": "<|im_start|>"})");
  EXPECT_EQ(end(), 1257);
  for (const char* wrong : {R"({"eos_token_id": "2"})", R"({"eos_token_id": [1258, -1]})", R"({"eos_token_id": 1.5})",
                            R"([])", R"({"eos_token_id": 2)"}) {
    put("generation_config.json", wrong);
    const Error error = testing::error_of([&] { static_cast<void>(end()); });
    EXPECT_EQ(error.kind(), ErrorKind::data) << wrong;
    EXPECT_NE(error.where().find("generation_config.json"), std::string::npos) << error.what();
  }
}

TEST_F(EndToken, GoesWithTheTokenizerThatIsSaved) {
  const Tokenizer tokenizer = Tokenizer::load(folder_ / "tokenizer.json").with_end_of_text("<|im_end|>");
  EXPECT_NE(tokenizer.hash(), Tokenizer::load(folder_ / "tokenizer.json").hash());
  std::filesystem::create_directory(folder_ / "copy");
  tokenizer.save(folder_ / "copy" / "tokenizer.json");
  const Tokenizer copy = Tokenizer::load(folder_ / "copy" / "tokenizer.json");
  EXPECT_EQ(copy.end_of_text(), 1258);
  EXPECT_EQ(copy.hash(), tokenizer.hash());
}

TEST(Json, ANulByteIsAnErrorWithItsPlace) {  // nlohmann takes it for the end, and drops what follows
  for (const std::string& text : {std::string("{}\n{\0}", 6), std::string("[1]\n\0", 5), std::string("{}\n\0{", 5)}) {
    const Error error = testing::error_of([&] { static_cast<void>(parse_json(text, "file.json")); });
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_TRUE(error.where().starts_with("file.json:2:")) << error.where();
    EXPECT_EQ(error.received(), "a NUL byte");
  }
  const Error wide =
      testing::error_of([&] { static_cast<void>(parse_json(std::string("\xFF\xFE{\0}\0", 6), "file.json")); });
  EXPECT_EQ(wide.hint(), "convert the file: iconv -f UTF-16 -t UTF-8");
}

TEST(Json, PythonsInfinityIsATextWhereItIsAllowed) {
  const std::string text = R"({"a": Infinity, "b": [-Infinity, NaN], "c": "NaN \" Infinity"})";
  EXPECT_THROW(static_cast<void>(parse_json(text, "f")), Error);
  const json value = parse_json(text, "f", NonFinite::as_text);
  EXPECT_EQ(value.at("a"), "Infinity");
  EXPECT_EQ(value.at("b"), json::array({"-Infinity", "NaN"}));
  EXPECT_EQ(value.at("c"), "NaN \" Infinity");
  EXPECT_THROW(static_cast<void>(parse_json("{\"a\": Infinit}", "f", NonFinite::as_text)), Error);
}

TEST(Json, ANumberBeyondDoublesIsAnErrorOfTheFile) {  // found by fuzzing: the library throws another type for it
  const Error error = testing::error_of([&] { static_cast<void>(parse_json("{\"a\": [1, 1e999]}", "file.json")); });
  EXPECT_EQ(error.where(), "file.json");
  EXPECT_TRUE(error.received().find("1e999") != std::string::npos) << error.what();
}

TEST(NormalForms, StackedMarksTakeLinearTime) {  // 20,000 pairs took 6 s by utf8proc's sorting
  std::string text = "e", other, buffer;
  for (int i = 0; i < 20000; ++i) text += "\u0301\u0323";  // above, below: classes 230 and 220
  const auto begin = std::chrono::steady_clock::now();
  const std::string composed(normalize(text, NormalForm::nfc, buffer));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::string expected = "\u1EB9";  // e with dot below; then the other dots, then all acutes
  for (int i = 0; i < 19999; ++i) expected += "\u0323";
  for (int i = 0; i < 20000; ++i) expected += "\u0301";
  EXPECT_EQ(composed, expected);
  EXPECT_LT(seconds, 1.0);
}

}  // namespace
}  // namespace stet
