// Normal forms, added tokens, templates and hostile files.
#include <fixtures_folder.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/philox.hpp>
#include <stet/base/utf8.hpp>
#include <stet/config/json.hpp>
#include <stet/text/added_tokens.hpp>
#include <stet/text/bpe/word_cache.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/unicode/normalizer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace stet {
namespace {

using nlohmann::json;

json fixture_json(const char* style) {
  return parse_json(read_file(fixtures_folder() / "tokenizers" / style / "tokenizer.json"), style);
}

Tokenizer made(const json& file) { return Tokenizer::from_json(file.dump(), "made.json"); }

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(Tokenizer::from_json(text, "made.json"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "accepted";
}

#define EXPECT_NAMES(text, name) EXPECT_NE((text).find(name), std::string::npos) << (text)

/// gpt2-style with tokens added after the others.
json with_added(const std::vector<json>& tokens) {
  json file = fixture_json("gpt2-style");
  int id = 1457;
  for (json token : tokens) {
    token["id"] = id++;
    file["added_tokens"].push_back(token);
  }
  return file;
}

std::vector<std::string> pieces(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> out;
  std::vector<TokenId> plain;
  const auto flush = [&] {
    if (!plain.empty()) out.push_back(tokenizer.decode(plain));
    plain.clear();
  };
  for (const TokenId id : tokenizer.encode(text)) {
    if (id < 1456) {
      plain.push_back(id);
      continue;
    }
    flush();
    out.push_back("<" + tokenizer.token(id) + ">");
  }
  flush();
  return out;
}
using Pieces = std::vector<std::string>;

TEST(NormalForms, AgreeWithTheStandardsExamples) {  // Unicode Standard Annex 15, figures 3 to 6, and Hangul
  std::string buffer;
  const auto form = [&](const char* text, NormalForm which) { return std::string(normalize(text, which, buffer)); };
  EXPECT_EQ(form("\u212B\u2126", NormalForm::nfc), "\u00C5\u03A9");
  EXPECT_EQ(form("A\u030Ao\u0302", NormalForm::nfc), "\u00C5\u00F4");
  EXPECT_EQ(form("s\u0323\u0307", NormalForm::nfc), "\u1E69");
  EXPECT_EQ(form("\u1E0B\u0323", NormalForm::nfc), "\u1E0D\u0307");
  EXPECT_EQ(form("q\u0307\u0323", NormalForm::nfc), "q\u0323\u0307");
  EXPECT_EQ(form("\u0958", NormalForm::nfc), "\u0915\u093C");  // excluded from composition
  EXPECT_EQ(form("\u1112\u1161\u11AB", NormalForm::nfc), "\uD55C");
  EXPECT_EQ(form("\uFB01x\u00B2", NormalForm::nfc), "\uFB01x\u00B2");
  EXPECT_EQ(form("\u00C5", NormalForm::nfd), "A\u030A");
  EXPECT_EQ(form("\uD55C", NormalForm::nfd), "\u1112\u1161\u11AB");
  EXPECT_EQ(form("\uFB01x\u00B2", NormalForm::nfkc), "fix2");
  EXPECT_EQ(form("\u1E9B\u0323", NormalForm::nfkc), "\u1E69");
  EXPECT_EQ(form("\u1E9B\u0323", NormalForm::nfkd), "s\u0323\u0307");
  const std::string zero("a\0e\u0301", 5);
  EXPECT_EQ(std::string(normalize(zero, NormalForm::nfc, buffer)), std::string("a\0\u00E9", 4));
}

TEST(NormalForms, TheShortCutHoldsForEveryCodePoint) {
  std::string buffer;
  for (char32_t point = 0; point < 0x300; ++point) {
    std::string text;
    append_utf8(text, point);
    std::string full = text + "\u1E69";  // makes the whole text go the long way
    const std::string result(normalize(full, NormalForm::nfc, buffer));
    EXPECT_EQ(result, full) << static_cast<std::uint32_t>(point);
  }
}

TEST(NormalForms, AreAppliedInOrderAndNotToRawAddedTokens) {
  json file = with_added({{{"content", "e\u0301!"}, {"special", false}, {"normalized", false}},
                          {{"content", "o\u0301?"}, {"special", false}, {"normalized", true}}});
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFD"}}, {{"type", "NFC"}}, nullptr}}};
  EXPECT_NAMES(refusal(file.dump()), "\"normalizer.normalizers[2]\"");
  file["normalizer"]["normalizers"].erase(2);
  const Tokenizer tokenizer = made(file);
  EXPECT_EQ(pieces(tokenizer, "e\u0301!e\u0301"), (Pieces{"<e\u0301!>", "\u00E9"}));
  EXPECT_EQ(pieces(tokenizer, "\u00E9!"), (Pieces{"\u00E9!"}));  // raw: looked for as it is written
  EXPECT_EQ(pieces(tokenizer, "\u00F3?o\u0301?"), (Pieces{"<o\u0301?>", "<o\u0301?>"}));  // normalized: both spellings
  EXPECT_EQ(made(parse_json(tokenizer.to_json(), "copy")).hash(), tokenizer.hash());
}

TEST(AddedTokens, FlagsWorkAsInTheRustOriginal) {
  const auto token = [](const char* content, const char* flag) {
    json t = {{"content", content}, {"special", false}, {"normalized", false}};
    if (*flag != 0) t[flag] = true;
    return t;
  };
  const Tokenizer tokenizer = made(with_added({token("[W]", ""), token("word", "single_word"), token("<L>", "lstrip"),
                                               token("<R>", "rstrip"), token("[W][W]", "")}));
  EXPECT_EQ(pieces(tokenizer, "a[W]b[W][W][W]"), (Pieces{"a", "<[W]>", "b", "<[W][W]>", "<[W]>"}));
  EXPECT_EQ(pieces(tokenizer, "word words sword _word word."),
            (Pieces{"<word>", " words sword _word ", "<word>", "."}));
  EXPECT_EQ(pieces(tokenizer, "\u00E9word \u093Eword \u24B6word \u200Dword \u2014word"),
            (Pieces{"\u00E9word \u093Eword \u24B6word \u200Dword \u2014", "<word>"}));
  EXPECT_EQ(pieces(tokenizer, "a \u3000\u0085<L> b"), (Pieces{"a", "<<L>>", " b"}));
  EXPECT_EQ(pieces(tokenizer, "a \uFEFF<L>"), (Pieces{"a \uFEFF", "<<L>>"}));  // U+FEFF is no white space to Rust
  EXPECT_EQ(pieces(tokenizer, "a <R> \n\u0085 b"), (Pieces{"a ", "<<R>>", "b"}));
  EXPECT_EQ(pieces(tokenizer, "<R>  <L>"), (Pieces{"<<R>>", "<<L>>"}));
  EXPECT_EQ(made(parse_json(tokenizer.to_json(), "copy")).hash(), tokenizer.hash());
}

TEST(AddedTokens, TheTrieAgreesWithAPlainSearch) {
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    Random random(trial, "added");
    std::vector<AddedPattern> patterns;
    for (int p = 0; p < 5; ++p) {
      std::string content;
      for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) content += "ab"[random.below(2)];
      patterns.push_back({content, p, false, false, false});
    }
    std::string text;
    for (int i = 0; i < 40; ++i) text += "abc"[random.below(3)];
    std::vector<TextPart> parts;
    AddedTokenMatcher(patterns).split(text, 0, text.size(), parts);
    std::size_t done = 0;
    for (const TextPart& part : parts) {
      ASSERT_EQ(part.begin, done);
      done = part.end;
      if (!part.id) continue;
      for (const AddedPattern& other : patterns) {  // none longer here; of equal ones the first
        if (text.compare(part.begin, other.content.size(), other.content) != 0) continue;
        EXPECT_LE(other.content.size(), part.end - part.begin);
        if (other.content.size() == part.end - part.begin) {
          EXPECT_LE(*part.id, other.id);
        }
      }
    }
    ASSERT_EQ(done, text.size());
    for (const TextPart& part : parts) {  // and none in the text between
      if (part.id) continue;
      for (const AddedPattern& other : patterns) {
        const std::size_t at = text.find(other.content, part.begin);
        EXPECT_TRUE(at == std::string::npos || at >= part.end) << text << " " << other.content;
      }
    }
  }
}

TEST(Bpe, IgnoreMergesTakesWholeWordsFirst) {
  json file = fixture_json("gpt2-style");
  const Tokenizer merging = made(file);
  ASSERT_FALSE(merging.id_of("qxq"));
  file["model"]["vocab"]["qxq"] = 1457;  // no merges lead to it
  const std::string text = "qxq qxq";
  EXPECT_EQ(made(file).encode(text), merging.encode(text));
  file["model"]["ignore_merges"] = true;
  const auto ids = made(file).encode(text);
  EXPECT_EQ(ids[0], 1457);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 1457), 1);  // " qxq" is another word
}

TEST(PostProcessor, TemplatesPutTokensAround) {
  json file = fixture_json("llama3-style");
  json& single = file["post_processor"]["processors"][1]["single"];
  json& specials = file["post_processor"]["processors"][1]["special_tokens"];
  specials["end"] = {{"id", "end"}, {"ids", {1757, 1760}}, {"tokens", {"<|end_of_text|>", "<|eot_id|>"}}};
  single.push_back({{"SpecialToken", {{"id", "end"}, {"type_id", 0}}}});
  const Tokenizer tokenizer = made(file);
  EXPECT_EQ(tokenizer.encode("", SpecialTokens::add), (std::vector<TokenId>{1756, 1757, 1760}));
  EXPECT_EQ(tokenizer.encode("").size(), 0U);
  const auto changed = [&](const auto& change) {
    json copy = file;
    change(copy["post_processor"]["processors"][1]);
    return refusal(copy.dump());
  };
  EXPECT_NAMES(changed([](json& t) { t["special_tokens"]["end"]["ids"][0] = 1u << 31; }),
               "special_tokens[\"end\"].ids[0]");
  EXPECT_NAMES(changed([](json& t) { t["special_tokens"]["end"]["ids"][0] = 1756; }), "special_tokens[\"end\"].ids[0]");
  EXPECT_NAMES(changed([](json& t) { t["special_tokens"].erase("end"); }), "single[2].SpecialToken.id");
  EXPECT_NAMES(changed([](json& t) { t["single"].erase(1); }), "post_processor.processors[1].single");
  EXPECT_NAMES(changed([](json& t) { t["single"][1]["Sequence"]["id"] = "B"; }), "single[1].Sequence.id");
  EXPECT_NAMES(changed([](json& t) { t.erase("pair"); }), "post_processor.processors[1].pair");
  EXPECT_NAMES(changed([](json& t) { t["single"] = "$A"; }), "post_processor.processors[1].single");
  json twice = file;
  twice["post_processor"]["processors"].push_back(twice["post_processor"]["processors"][1]);
  EXPECT_NAMES(refusal(twice.dump()), "\"post_processor.processors[2].type\"");
}

TEST(PreTokenizerFile, StepsAreReadAndRefusedByPath) {
  const json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  const json digit_step = {{"type", "Digits"}, {"individual_digits", true}};
  const auto with = [&](const json& steps) {
    json file = fixture_json("gpt2-style");
    file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
    return file;
  };
  const Tokenizer digits = made(with(json::array({digit_step, byte_level})));
  EXPECT_EQ(digits.encode("x12"), made(with(json::array({byte_level}))).encode("x 1 2"));
  EXPECT_EQ(digits.decode(digits.encode("x12")), " x 1 2");
  const std::string at = "\"pre_tokenizer.pretokenizers[0]";
  EXPECT_NAMES(refusal(with({byte_level, byte_level}).dump()), at + ".type\"");
  EXPECT_NAMES(refusal(with(json::array({digit_step})).dump()), at + ".type\"");
  EXPECT_NAMES(refusal(with(json::array()).dump()), "\"pre_tokenizer.pretokenizers\"");
  json split = {{"type", "Split"}, {"pattern", {{"Regex", "^a"}}}, {"behavior", "Isolated"}, {"invert", false}};
  EXPECT_NAMES(refusal(with({split, byte_level}).dump()), at + ".pattern.Regex\"");
  split["pattern"] = {{"String", ""}};
  EXPECT_NAMES(refusal(with({split, byte_level}).dump()), at + ".pattern.String\"");
  split["pattern"] = {{"String", "a"}, {"Regex", "a"}};
  EXPECT_NAMES(refusal(with({split, byte_level}).dump()), at + ".pattern\"");
  split["pattern"] = {{"String", "ab"}};
  split["behavior"] = "Shuffled";
  EXPECT_NAMES(refusal(with({split, byte_level}).dump()), at + ".behavior\"");
  split["behavior"] = "Removed";
  EXPECT_EQ(made(with({split, byte_level})).encode("xabx"), made(with(json::array({byte_level}))).encode("x x"));
  split.erase("invert");
  EXPECT_NAMES(refusal(with({split, byte_level}).dump()), at + ".invert\"");
}

TEST(OldFiles, ModelsWithoutATypeAreBpe) {
  json file = fixture_json("gpt2-style");
  file["model"].erase("type");
  file["model"]["unk_token"] = "<|endoftext|>";  // has no effect: every byte has a token
  EXPECT_EQ(made(file).encode("a b"), made(fixture_json("gpt2-style")).encode("a b"));
}

TEST(HostileFiles, GiveErrors) {
  EXPECT_NAMES(refusal(std::string(100000, '[')), "nested too deep");
  std::string deep = R"({"model":)";
  for (int i = 0; i < 100000; ++i) deep += R"({"a":)";
  EXPECT_NAMES(refusal(deep), "nested too deep");
  const std::string good = fixture_json("gpt2-style").dump();
  EXPECT_NAMES(refusal(good.substr(0, good.size() / 2)), "malformed JSON");
  std::string bad = good;
  bad[bad.find("Wh")] = '\xff';
  EXPECT_NAMES(refusal(bad), "malformed JSON");
  EXPECT_NAMES(refusal(R"({"model":{"type":"BPE","type":"BPE"}})"), "\"model.type\" occurs twice");
  EXPECT_NAMES(refusal(R"({"model":{"vocab":{"a":0,"\u0061":1}}})"), "\"model.vocab.a\" occurs twice");
  const auto changed = [](const auto& change) {
    json file = fixture_json("gpt2-style");
    change(file);
    return refusal(file.dump());
  };
  for (const json& id :
       {json(-1), json(1.5), json(1u << 30), json(~std::uint64_t{0}), json(1e300), json("7"), json()}) {
    EXPECT_NAMES(changed([&](json& f) { f["model"]["vocab"]["Who"] = id; }), "\"model.vocab\"");
    EXPECT_NAMES(changed([&](json& f) { f["added_tokens"][0]["id"] = id; }), "tokenizer field \"");
  }
  EXPECT_NAMES(changed([](json& f) { f["added_tokens"].push_back(f["added_tokens"][0]); }),
               "\"added_tokens[1].content\"");
  EXPECT_NAMES(changed([](json& f) { f["added_tokens"][0]["content"] = ""; }), "\"added_tokens[0].content\"");
  EXPECT_NAMES(changed([](json& f) {
                 f["model"]["merges"].push_back(json::array({"a", ""}));
               }),
               "\"model.merges[1200]\"");
  // A token that only added_tokens knows is none that a merge could make.
  EXPECT_NAMES(changed([](json& f) {
                 f["added_tokens"].push_back({{"id", 1457}, {"content", "QQ"}, {"special", false}});
                 f["model"]["merges"].push_back("Q Q");
               }),
               "\"QQ\"");
}

// Every value of the file in turn replaced by another: refused or accepted, never a crash; and never another exception.
TEST(HostileFiles, AnyFieldMayBeAnything) {
  const json llama3 = fixture_json("llama3-style");
  json file = parse_json(train_byte_level_bpe({}, 257).to_json(), "small");
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array({json::object({{"type", "NFC"}})})}};
  file["pre_tokenizer"] = llama3["pre_tokenizer"];
  file["post_processor"] = llama3["post_processor"];
  json& added = file["post_processor"]["processors"][1];
  added["special_tokens"] = json::object();
  added["special_tokens"]["x"] = {{"id", "x"}, {"ids", json::array({256})}, {"tokens", json::array({"<|endoftext|>"})}};
  for (const char* which : {"single", "pair"}) {
    for (json& piece : added[which]) {
      if (piece.contains("SpecialToken")) piece["SpecialToken"]["id"] = "x";
    }
  }
  ASSERT_EQ(refusal(file.dump()), "accepted");
  json small = file;
  small["model"].erase("vocab");
  const std::vector<json> values = {nullptr,
                                    true,
                                    3,
                                    -1,
                                    2.5,
                                    "x",
                                    "",
                                    json::array(),
                                    json::array({1, "x"}),
                                    json::object(),
                                    json::object({{"type", "ByteLevel"}})};
  std::size_t refused = 0;
  const json flat = small.flatten();
  for (const auto& [pointer, old] : flat.items()) {
    for (std::string path = pointer; !path.empty(); path = path.substr(0, path.rfind('/'))) {
      for (const json& value : values) {
        json copy = file;
        copy[json::json_pointer(path)] = value;
        try {
          static_cast<void>(Tokenizer::from_json(copy.dump(), "made.json"));
        } catch (const Error&) {
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(WordCache, HoldsWhatWasPutAndNeverAnythingElse) {
  WordCache cache(64);
  std::map<std::string, std::vector<TokenId>> put;
  std::size_t hits = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    Random random(i, "cache");
    std::string word;
    for (std::uint64_t k = 0, n = 1 + random.below(i % 2 == 0 ? 2 : 30); k < n; ++k) word += "abcde"[random.below(5)];
    const std::uint64_t hash = WordCache::hash(word);
    const auto found = cache.find(word, hash);
    if (!found.empty()) {
      ++hits;
      ASSERT_EQ(std::vector<TokenId>(found.begin(), found.end()), put.at(word));
      continue;
    }
    std::vector<TokenId> ids(1 + random.below(10), static_cast<TokenId>(i));
    cache.put(word, hash, ids);
    put[word] = ids;
    if (word.size() <= WordCache::longest && ids.size() <= WordCache::most_ids) {
      EXPECT_FALSE(cache.find(word, hash).empty());
    } else {
      EXPECT_TRUE(cache.find(word, hash).empty());
    }
  }
  EXPECT_GT(hits, 500U);
  WordCache none(0);
  none.put("a", WordCache::hash("a"), std::vector<TokenId>{1});
  EXPECT_TRUE(none.find("a", WordCache::hash("a")).empty());
}

TEST(Encoder, LeavesTheOutputAloneWhenItThrows) {
  const Tokenizer tokenizer = made(fixture_json("llama3-style"));
  Encoder encoder(tokenizer);
  std::vector<TokenId> out = {9};
  EXPECT_THROW(encoder.encode("ok \xff", out, SpecialTokens::add), Error);
  EXPECT_EQ(out, std::vector<TokenId>{9});
}

TEST(Encoder, AgreesWithTheUncachedPathOnRandomText) {
  for (const char* style : {"gpt2-style", "llama3-style", "qwen2-style"}) {
    const Tokenizer tokenizer = made(fixture_json(style));
    Encoder encoder(tokenizer, 32);
    for (std::uint64_t trial = 0; trial < 300; ++trial) {
      Random random(trial, "encoder");
      std::string text;
      for (std::uint64_t i = 0, n = random.below(80); i < n; ++i) {
        const std::uint64_t kind = random.below(10);
        if (kind < 6)
          text += " abcdeWho'st.12\n"[random.below(16)];
        else
          append_utf8(text, static_cast<char32_t>(random.below(kind < 8 ? 0x800 : 0xD800)));
      }
      std::vector<TokenId> out;
      encoder.encode(text, out);
      ASSERT_EQ(out, tokenizer.encode(text));
      if (std::string(style) != "qwen2-style") {  // which changes the text to NFC
        ASSERT_EQ(tokenizer.decode(out, false), text);
      }
    }
  }
}

}  // namespace
}  // namespace stet
