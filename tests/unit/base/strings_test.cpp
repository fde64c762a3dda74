#include <stet/base/strings.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

TEST(Strings, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("saturday", "sunday"), 3U);
  EXPECT_EQ(edit_distance("steps", "stpes"), 1U);  // neighbours swapped
  EXPECT_EQ(edit_distance("abcd", "badc"), 2U);
  EXPECT_EQ(edit_distance("ca", "abc"), 3U);  // optimal string alignment: no edit inside a swapped pair
}

TEST(Strings, NearestIsNearOrNothing) {
  const std::vector<std::string> known{"rate", "steps", "warmup", "weight_decay"};
  EXPECT_EQ(nearest("step", known), "steps");
  EXPECT_EQ(nearest("wieght_decy", known), "weight_decay");
  EXPECT_EQ(nearest("zzzz", known), "");
  EXPECT_EQ(nearest("rate", {}), "");
  EXPECT_EQ(suggestion("step", known), "did you mean 'steps'?");
  EXPECT_EQ(suggestion("zzzz", known), "known: rate, steps, warmup, weight_decay");
  EXPECT_EQ(suggestion("zzzz", {}), "nothing is known here");
}

TEST(Strings, JoinAndSplit) {
  const std::vector<std::string> parts{"a", "", "b"};
  EXPECT_EQ(join(parts, ", "), "a, , b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(split("a..b", '.'), parts);
  EXPECT_EQ(split("", '.'), std::vector<std::string>{""});
  EXPECT_EQ(split(".", '.'), (std::vector<std::string>{"", ""}));
}

TEST(Strings, Durations) {
  EXPECT_EQ(format_duration(0), "0 ms");
  EXPECT_EQ(format_duration(0.0123), "12 ms");
  EXPECT_EQ(format_duration(0.9994), "999 ms");
  EXPECT_EQ(format_duration(0.9996), "1.0 s");  // never "1000 ms"
  EXPECT_EQ(format_duration(4.2), "4.2 s");
  EXPECT_EQ(format_duration(99.94), "99.9 s");
  EXPECT_EQ(format_duration(99.96), "1 min 40 s");
  EXPECT_EQ(format_duration(185), "3 min 05 s");
  EXPECT_EQ(format_duration(3599.4), "59 min 59 s");
  EXPECT_EQ(format_duration(3599.6), "1 h 00 min");
  EXPECT_EQ(format_duration(7800), "2 h 10 min");
}

TEST(Strings, CountsAndBytes) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(999.6), "1.0k");
  EXPECT_EQ(format_count(12345), "12.3k");
  EXPECT_EQ(format_count(123456), "123k");
  EXPECT_EQ(format_count(4.5e6), "4.5M");
  EXPECT_EQ(format_count(-12345), "-12.3k");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(3.4e9), "3.4 GB");
}

TEST(Strings, Patterns) {
  EXPECT_TRUE(matches_pattern("blocks.*.weight", "blocks.3.attn.weight"));
  EXPECT_TRUE(matches_pattern("h.?.w", "h.1.w"));
  EXPECT_FALSE(matches_pattern("h.?.w", "h.12.w"));
  EXPECT_TRUE(matches_pattern("h.[0-3].w", "h.2.w"));
  EXPECT_FALSE(matches_pattern("h.[0-3].w", "h.4.w"));
  EXPECT_FALSE(matches_pattern("weight", "a.weight"));  // the whole text
}

TEST(Strings, AWordOfAShell) {
  EXPECT_EQ(shell_word("plain/file-1.toml"), "plain/file-1.toml");
  EXPECT_EQ(shell_word("my runs/a"), "'my runs/a'");
  EXPECT_EQ(shell_word("it's $(rm)"), "'it'\\''s $(rm)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Strings, NamesAreEscapedInCsvAndJson) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
  EXPECT_EQ(json_string("plain"), "\"plain\"");
  EXPECT_EQ(json_string("a\"b\\c\n\x01\u00e9"), "\"a\\\"b\\\\c\\u000a\\u0001\u00e9\"");
}

}  // namespace
}  // namespace stet
