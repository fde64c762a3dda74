#include <stet/data/input_chunks.hpp>
#include <stet/data/record.hpp>
#include <stet/data/record_tokens.hpp>

#include <unit/data/temporary.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

using testing::error_of;

TEST(Record, ThreeKindsInAnyOrderOfKeys) {
  const Record completion = parse_record(R"({"completion": " Rome", "prompt": "Capital of Italy?"})");
  EXPECT_EQ(completion.kind, RecordKind::completion);
  EXPECT_EQ(completion.prompt, "Capital of Italy?");
  EXPECT_EQ(completion.completion, " Rome");
  const Record text = parse_record(R"(  {"text": "caf\u00e9 \ud83d\ude00\n"}  )");
  EXPECT_EQ(text.kind, RecordKind::text);
  EXPECT_EQ(text.text, "caf\xC3\xA9 \xF0\x9F\x98\x80\n");
  const Record chat =
      parse_record(R"({"messages": [{"role": "system", "content": ""}, {"content": "hi", "role": "assistant"}]})");
  EXPECT_EQ(chat.kind, RecordKind::messages);
  EXPECT_EQ(chat.messages, (std::vector<Message>{{Speaker::system, ""}, {Speaker::assistant, "hi"}}));
  EXPECT_EQ(parse_record(R"({"prompt": "", "completion": "x"})").prompt, "");
}

struct Wrong {
  const char* line;
  const char* message;  // what the error's text must say
};

class WrongRecord : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongRecord, IsRefused) {
  const Error error = error_of([] { (void)parse_record(GetParam().line); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos) << error.what();
}

INSTANTIATE_TEST_SUITE_P(
    Data, WrongRecord,
    ::testing::Values(
        Wrong{"", "malformed JSON"}, Wrong{"{\"text\": \"a\"", "malformed JSON"},
        Wrong{"{\"text\": \"a\"} x", "malformed JSON"}, Wrong{"{\"text\": \"a\"}{\"text\": \"b\"}", "malformed JSON"},
        Wrong{"{\"text\": \"\\ud800\"}", "malformed JSON"}, Wrong{"{\"text\": NaN}", "malformed JSON"},
        Wrong{"{'text': 'a'}", "malformed JSON"}, Wrong{"{\"text\": \"\xff\"}", "not UTF-8"},
        Wrong{"\xEF\xBB\xBF\xff", "not UTF-8"}, Wrong{"[]", "not an object"}, Wrong{"\"text\"", "not an object"},
        Wrong{"17", "not an object"}, Wrong{"{}", "without any key"},
        Wrong{"{\"txet\": \"a\"}", "did you mean \"text\""}, Wrong{"{\"text\": \"a\", \"id\": 1}", "does not belong"},
        Wrong{"{\"text\": \"a\", \"text\": \"b\"}", "occurs twice"},
        Wrong{"{\"text\": \"a\", \"prompt\": \"b\"}", "two kinds"}, Wrong{"{\"text\": \"\"}", "an empty text"},
        Wrong{"{\"text\": 5}", "\"text\" is of another type"}, Wrong{"{\"text\": null}", "another type"},
        Wrong{"{\"text\": [\"a\"]}", "another type"}, Wrong{"{\"text\": {\"a\": 1}}", "another type"},
        Wrong{"{\"prompt\": \"a\"}", "both"}, Wrong{"{\"completion\": \"a\"}", "both"},
        Wrong{"{\"prompt\": \"a\", \"completion\": \"\"}", "empty completion"},
        Wrong{"{\"prompt\": 1.5, \"completion\": \"a\"}", "\"prompt\" is of another type"},
        Wrong{"{\"messages\": \"a\"}", "not a list"}, Wrong{"{\"messages\": {}}", "another type"},
        Wrong{"{\"messages\": []}", "no assistant turn"}, Wrong{"{\"messages\": [\"a\"]}", "not an object"},
        Wrong{"{\"messages\": [[]]}", "not an object"}, Wrong{"{\"messages\": [{}]}", "not whole"},
        Wrong{"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "no assistant turn"},
        Wrong{"{\"messages\": [{\"role\": \"user\"}]}", "no \"content\""},
        Wrong{"{\"messages\": [{\"content\": \"a\"}]}", "no \"role\""},
        Wrong{"{\"messages\": [{\"role\": \"tool\", \"content\": \"a\"}]}", "unknown role"},
        Wrong{"{\"messages\": [{\"role\": 1, \"content\": \"a\"}]}", "\"role\" is of another type"},
        Wrong{"{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\", \"name\": \"b\"}]}", "another key"},
        Wrong{"{\"messages\": [{\"role\": \"user\", \"role\": \"user\", \"content\": \"a\"}]}", "occurs twice"},
        Wrong{"{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}", "empty assistant turn"},
        Wrong{"{\"messages\": [{\"role\": \"assistant\", \"content\": [\"a\"]}]}", "\"content\" is of another type"},
        Wrong{"{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}], \"messages\": []}", "occurs twice"}));

TEST(Record, ANulByteIsAnErrorAndNothingBehindItIsLost) {
  const auto read_all = [](const char* name, std::size_t& records) {
    const std::filesystem::path file = std::filesystem::path(STET_SOURCE_DIR) / "tests/fixtures/jsonl" / name;
    const InputChunk whole = cut_into_chunks({file}, 1U << 20U).at(0);
    for_each_line(whole, read_chunk(whole), [&](std::string_view line) {
      (void)parse_record(line);
      ++records;
    });
  };
  const auto refused = [&](const char* name, std::size_t before, const std::string& line, const char* part) {
    std::size_t records = 0;
    const Error error = error_of([&] { read_all(name, records); });
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_TRUE(error.where().ends_with(std::string(name) + line)) << error.where();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_EQ(records, before);
  };
  refused("nul-gap.jsonl", 1, ":2", "a NUL byte at byte 34 of the line");
  refused("nul-garbage.jsonl", 0, ":1", "a NUL byte at byte 23 of the line");
  refused("nul-tail.jsonl", 2, ":3", "a NUL byte at byte 1 of the line");
  refused("utf16.jsonl", 0, ":1", "iconv -f UTF-16 -t UTF-8");
  const Error second_line =
      error_of([] { (void)parse_record(std::string_view("\0{\0\"\0t\0\"\0:\0 \0\"\0a\0\"\0}\0", 21)); });
  EXPECT_NE(second_line.hint().find("UTF-16"), std::string::npos);
  EXPECT_NE(error_of([] { (void)parse_record("{\"text\": \"caf\xE9\"}"); }).hint().find("LATIN1"), std::string::npos);
}

TEST(Record, DeepNestingDoesNotCrash) {
  const std::string deep = "{\"text\": " + std::string(1000000, '[');
  EXPECT_THROW((void)parse_record(deep), Error);
}

std::vector<TokenSequence> tokens_of(const Tokenizer& tokenizer, const std::string& line,
                                     std::uint64_t context = 1000) {
  std::vector<TokenSequence> sequences;
  EXPECT_TRUE(tokenize_record(tokenizer, parse_record(line), context, sequences));
  return sequences;
}

TEST(RecordTokens, CompletionsAndTextsAreAsEverywhere) {
  const Tokenizer bpe = testing::small_bpe();
  const auto sequences = tokens_of(bpe, R"({"prompt": "the city of", "completion": " the king"})");
  ASSERT_EQ(sequences.size(), 1U);
  const TokenSequence expected = tokenize(bpe, {"the city of", " the king", 0}, false, 0);
  EXPECT_EQ(sequences[0].ids, expected.ids);
  EXPECT_EQ(sequences[0].loss_begin, expected.loss_begin);
  EXPECT_TRUE(sequences[0].loss_spans.empty());
  const auto text = tokens_of(bpe, R"({"text": "the city"})");
  ASSERT_EQ(text.size(), 1U);
  EXPECT_EQ(text[0].loss_begin, 1U);
  EXPECT_EQ(bpe.decode(text[0].ids, false), "the city<|endoftext|>");
}

TEST(RecordTokens, AConversationHasTheDocumentedText) {
  const Tokenizer bpe = testing::small_bpe();
  const auto sequences = tokens_of(
      bpe, R"({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital?"},
      {"role": "assistant", "content": "Rome"}, {"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Thanks"}]})");
  ASSERT_EQ(sequences.size(), 1U);
  const TokenSequence& s = sequences[0];
  EXPECT_EQ(
      bpe.decode(s.ids, false),
      "system:\nBe brief.\nuser:\nCapital?\nassistant:\nRome<|endoftext|>user:\nSure?\nassistant:\nYes.<|endoftext|>");
  ASSERT_EQ(s.loss_spans.size(), 2U);
  EXPECT_EQ(s.loss_begin, s.loss_spans[0].begin);
  const auto part = [&](LossSpan span) {
    return bpe.decode(std::span(s.ids).subspan(span.begin, span.end - span.begin), false);
  };
  EXPECT_EQ(part(s.loss_spans[0]), "Rome<|endoftext|>");
  EXPECT_EQ(part(s.loss_spans[1]), "Yes.<|endoftext|>");
  const PackedBatch batch = pack(sequences);
  EXPECT_EQ(batch.loss_rows.size(), s.loss_tokens());
  EXPECT_EQ(batch.loss_rows[0], s.loss_spans[0].begin - 1);
  EXPECT_EQ(bpe.decode(std::vector<TokenId>(batch.targets.begin(), batch.targets.end()), true), "RomeYes.");
}

TEST(RecordTokens, LongTextsAreCutSoThatEveryTokenIsPredictedOnce) {
  const Tokenizer bpe = testing::small_bpe();
  std::string words;
  for (int i = 0; i < 40; ++i) words += "q" + std::to_string(i) + " ";
  const std::vector<TokenId> whole = tokens_of(bpe, "{\"text\": \"" + words + "\"}")[0].ids;
  for (const std::uint64_t context : {std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{10},
                                      std::uint64_t(whole.size() - 1), std::uint64_t(whole.size())}) {
    std::vector<TokenId> joined = {whole[0]};
    for (const TokenSequence& piece : tokens_of(bpe, "{\"text\": \"" + words + "\"}", context)) {
      EXPECT_LE(piece.ids.size(), context);
      EXPECT_GE(piece.ids.size(), 2U);
      EXPECT_EQ(piece.loss_begin, 1U);
      EXPECT_EQ(piece.ids[0], joined.back());
      joined.insert(joined.end(), piece.ids.begin() + 1, piece.ids.end());
    }
    EXPECT_EQ(joined, whole) << context;
  }
}

TEST(RecordTokens, LongCompletionsAndConversationsAreLeftOut) {
  const Tokenizer bpe = testing::small_bpe();
  std::vector<TokenSequence> sequences;
  const Record completion = parse_record(R"({"prompt": "abcdefgh", "completion": "xyz"})");
  EXPECT_FALSE(tokenize_record(bpe, completion, 11, sequences));
  EXPECT_FALSE(
      tokenize_record(bpe, parse_record(R"({"messages": [{"role": "assistant", "content": "a"}]})"), 5, sequences));
  EXPECT_TRUE(sequences.empty());
  EXPECT_TRUE(tokenize_record(bpe, completion, 12, sequences));
  EXPECT_EQ(sequences.size(), 1U);
}

TEST(RecordTokens, NothingToLearnIsRefused) {
  const Tokenizer words = make_word_level(std::vector<std::string>{"a"});
  std::vector<TokenSequence> sequences;
  EXPECT_THROW((void)tokenize_record(words, parse_record(R"({"text": "  "})"), 10, sequences), Error);
}

}  // namespace
}  // namespace stet
