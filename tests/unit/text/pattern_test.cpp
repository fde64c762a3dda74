// Regular expressions of tokenizer.json: what is translated, what is refused, and how matches cut a text.
#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/pre_tokenizer.hpp>
#include <stet/text/unicode/pattern.hpp>
#include <stet/text/unicode/pattern_syntax.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

using Words = std::vector<std::string>;

Pattern compiled(std::string_view pattern) {
  auto result = Pattern::regex(pattern);
  EXPECT_TRUE(std::holds_alternative<Pattern>(result)) << pattern << ": " << std::get<std::string>(result);
  return std::get<Pattern>(result);
}

Words cut(std::string_view pattern, SplitBehavior behavior, std::string_view text, bool invert = false) {
  PreTokenizer rules;
  rules.splits.push_back({compiled(pattern), behavior, invert});
  Words words;
  PreTokenizer::Cutter(rules).cut(text, [&](std::string_view word) { words.emplace_back(word); });
  return words;
}

constexpr auto llama3_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr auto gpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

TEST(Pattern, CutsAsLlama3AndGpt4oDo) {
  const auto isolated = SplitBehavior::isolated;
  EXPECT_EQ(cut(llama3_words, isolated, "It'S 12345, isn't it?\n\n  ok"),
            (Words{"It", "'S", " ", "123", "45", ",", " isn", "'t", " it", "?\n\n", " ", " ok"}));
  EXPECT_EQ(cut(llama3_words, isolated, "a\t\tb \r\n c"), (Words{"a", "\t", "\tb", " \r\n", " c"}));
  EXPECT_EQ(cut(gpt4o, isolated, "camelCase HTTPServer's"), (Words{"camel", "Case", " HTTPServer's"}));
}

// JavaScript's \s has U+FEFF and lacks U+0085; Rust and Oniguruma go by White_Space, which has U+0085 and neither
// U+FEFF nor (since Unicode 6.3) U+180E. PCRE2's own \s has U+180E.
TEST(Pattern, WhiteSpaceIsUnicodesAsInRust) {
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point == 0xD800) point = 0xE000;
    std::string text;
    append_utf8(text, point);
    static Pattern::Matcher in(compiled("\\s")), out(compiled("\\S")), in_set(compiled("[^\\S]")),
        not_set(compiled("[^\\s]"));
    std::size_t begin = 0, end = 0;
    const bool space = is_white_space(point);
    ASSERT_EQ(in.find(text, 0, begin, end), space) << static_cast<std::uint32_t>(point);
    ASSERT_EQ(out.find(text, 0, begin, end), !space) << static_cast<std::uint32_t>(point);
    ASSERT_EQ(in_set.find(text, 0, begin, end), space) << static_cast<std::uint32_t>(point);
    ASSERT_EQ(not_set.find(text, 0, begin, end), !space) << static_cast<std::uint32_t>(point);
  }
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "a \u0085b"), (Words{"a", " ", "\u0085b"}));
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "a \u0085"), (Words{"a", " \u0085"}));
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "a \uFEFF"), (Words{"a", " \uFEFF"}));
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "?\uFEFF?"), (Words{"?\uFEFF?"}));
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "?\u0085?"), (Words{"?", "\u0085", "?"}));
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "?\u180E?"), (Words{"?\u180E?"}));
}

TEST(Pattern, CaseIsIgnoredBeyondAscii) {  // as by Oniguruma: U+017F folds to s
  EXPECT_EQ(cut(llama3_words, SplitBehavior::isolated, "x'\u017F"), (Words{"x", "'\u017F"}));
}

TEST(Pattern, BehavioursAreThoseOfTheRustOriginal) {  // the example of its documentation
  const std::string text = "the-final--countdown";
  EXPECT_EQ(cut("-", SplitBehavior::removed, text), (Words{"the", "final", "countdown"}));
  EXPECT_EQ(cut("-", SplitBehavior::isolated, text), (Words{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut("-", SplitBehavior::merged_with_previous, text), (Words{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut("-", SplitBehavior::merged_with_next, text), (Words{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut("-", SplitBehavior::contiguous, text), (Words{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(cut("[a-z]+", SplitBehavior::removed, text, true), (Words{"the", "final", "countdown"}));
  EXPECT_EQ(cut("x*", SplitBehavior::isolated, "axxb"), (Words{"a", "xx", "b"}));
  EXPECT_EQ(cut("x*", SplitBehavior::isolated, ""), Words{});
  EXPECT_EQ(cut("y", SplitBehavior::removed, "yyy"), Words{});
}

TEST(Pattern, StepsFollowOneAnotherAndThePrefixSpaceComesLast) {
  PreTokenizer rules;
  rules.splits.push_back({Pattern::literal("."), SplitBehavior::removed, false});
  rules.splits.push_back({compiled("\\p{N}"), SplitBehavior::isolated, false});
  rules.prefix_space = true;
  rules.words = Pattern::gpt2_words();
  Words words;
  PreTokenizer::Cutter(rules).cut("ab!.c12. d", [&](std::string_view word) { words.emplace_back(word); });
  EXPECT_EQ(words, (Words{" ab", "!", " c", " 1", " 2", " d"}));
}

TEST(Pattern, WhatCouldMeanSomethingElseIsRefusedWithTheReason) {
  const std::pair<const char*, const char*> refused[] = {
      {"^a", "anchor"},
      {"a$", "anchor"},
      {"\\bword", "\\b"},
      {"(a)\\1", "\\1"},
      {"[[:alpha:]]", "a set"},
      {"[a&&b]", "intersect"},
      {"\\h", "\\h"},
      {"\\p{Foo}", "Foo"},
      {"a**", "quantifier of"},
      {"a{2}?", "'?'"},
      {"a{1,2}+", "'+'"},
      {"(?<n>a)", "group"},
      {"(?m:a)", "group"},
      {"(a", "not closed"},
      {"a)", "')'"},
      {"[a", "unfinished"},
      {"[z-a]", "range"},
      {"[]a]", "empty set"},
      {"(?i:ss)", "\"ss\""},
      {"(?i:[a-z])", "set where"},
      {"(?i:\u00DF)", "ASCII"},
      {"\\xFF", "byte"},
      {"\\x{110000}", "code point"},
      {"\\", "unfinished"},
      {"a{9999}", "above 1000"},
      {"", "empty"},
      {"*a", "PCRE2"},
      {"(?<=a+)b", "PCRE2"},
      {"[a-\\d]", "range"},
      {"[\\d-z]", "'-'"},
      {"(?i:\\p{Lu})", "Lu"},
      {"\xff", "UTF-8"},
      {"((((a{1000}){1000}){1000}){1000})", "PCRE2"},
      {"(?R)", "group"},
      {"\\Ca", "\\C"},
  };
  for (const auto& [pattern, reason] : refused) {
    const auto result = Pattern::regex(pattern);
    ASSERT_TRUE(std::holds_alternative<std::string>(result)) << pattern;
    EXPECT_NE(std::get<std::string>(result).find(reason), std::string::npos)
        << pattern << ": " << std::get<std::string>(result);
  }
}

TEST(Pattern, ConstructsKeepTheirMeaning) {
  const auto isolated = SplitBehavior::isolated;
  EXPECT_EQ(cut("[一-龥぀-ゟ゠-ヿ]+", isolated, "ab東京xひらy"), (Words{"ab", "東京", "x", "ひら", "y"}));
  EXPECT_EQ(cut(R"([!-/:-~\u00E9]+)", isolated, "a!é b"), (Words{"a!é", " ", "b"}));
  EXPECT_EQ(cut(R"([\-\]x-]+)", isolated, "a-]xb"), (Words{"a", "-]x", "b"}));
  EXPECT_EQ(cut(R"(a{,2}b)", isolated, "aaab"), (Words{"a", "aab"}));
  EXPECT_EQ(cut(R"({a})", isolated, "x{a}y"), (Words{"x", "{a}", "y"}));
  EXPECT_EQ(cut(R"((?<=x)y|(?<!x)z)", isolated, "xyzxz"), (Words{"x", "y", "z", "xz"}));
  EXPECT_EQ(cut(R"(\w+)", isolated, "né_1 \u200Cx"), (Words{"né_1", " \u200C", "x"}));
  EXPECT_EQ(cut(R"(\p{Han}+)", isolated, "ab東京"), (Words{"ab", "東京"}));
  EXPECT_EQ(cut(".", SplitBehavior::removed, "ab\n\u2028"), (Words{"\n"}));
}

TEST(Pattern, EndlessBacktrackingIsAnErrorAndNoHang) {
  EXPECT_THROW(static_cast<void>(cut("(a|a)*(a|a)*(a|a)*[bc]", SplitBehavior::isolated, std::string(5000, 'a'))),
               Error);
}

TEST(Pattern, RandomPatternsNeverCrash) {
  const std::string alphabet = "ab()[]{}*+?|\\.^$-&:=!<>ipLNsSdDwWxu019, \xC3\xA9";
  std::size_t accepted = 0;
  for (std::uint64_t trial = 0; trial < 4000; ++trial) {
    Random random(trial, "patterns");
    std::string pattern;
    for (std::uint64_t i = 0, n = 1 + random.below(12); i < n; ++i) pattern += alphabet[random.below(alphabet.size())];
    const auto result = Pattern::regex(pattern);
    if (const auto* good = std::get_if<Pattern>(&result)) {
      ++accepted;
      Pattern::Matcher matcher(*good);
      std::size_t begin = 0, end = 0;
      try {
        static_cast<void>(matcher.find("ab é(]a019", 0, begin, end));
      } catch (const Error&) {
      }
    } else {
      EXPECT_FALSE(std::get<std::string>(result).empty()) << pattern;
    }
  }
  EXPECT_GT(accepted, 200U);
}

}  // namespace
}  // namespace stet
