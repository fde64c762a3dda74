#include <stet/base/utf8.hpp>

#include <gtest/gtest.h>

#include <string>

namespace stet {
namespace {

TEST(Utf8, MendsByMaximalSubparts) {
  // The example of the Unicode standard, table 3-8.
  EXPECT_EQ(mend_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\x41");
  EXPECT_EQ(mend_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFD\x41");
  EXPECT_EQ(find_invalid_utf8("aé\xE1\x80"), 3U);
  EXPECT_FALSE(find_invalid_utf8("aé東😗"));
  for (const char32_t point : {U'a', U'é', U'東', U'😗', char32_t{0x10FFFF}}) {
    std::string text;
    append_utf8(text, point);
    const CodePoint read = decode_code_point(text);
    EXPECT_TRUE(read.valid && read.value == point && read.size == text.size());
  }
}

TEST(Utf8, ACutCharacterIsOneMaximalPart) {
  for (const std::string whole : {"é", "\u0800", "東", "\uD7FF", "\uFFFF", "\U00010000", "😗", "\U0010FFFF"}) {
    for (std::size_t size = 1; size < whole.size(); ++size) {
      for (const std::string after : {"", "a", "é", "\xFF"}) {
        const CodePoint read = decode_code_point(whole.substr(0, size) + after);
        EXPECT_FALSE(read.valid) << whole << " " << size;
        EXPECT_EQ(read.size, size) << whole << " " << size;
      }
    }
  }
  // No character begins so: overlong, surrogates, above U+10FFFF.
  for (const std::string text :
       {"\xC1\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80"}) {
    const CodePoint read = decode_code_point(text);
    EXPECT_TRUE(!read.valid && read.size == 1) << text;
  }
}

TEST(Utf8, CountsCodePointsAndColumns) {
  EXPECT_EQ(count_code_points("aé東😗"), 4U);
  EXPECT_EQ(display_width("aé東😗"), 6U);
  EXPECT_EQ(display_width("e\u0301 ± Δ −1\xFF"), 9U);
  EXPECT_EQ(count_code_points("") + display_width(""), 0U);
}

}  // namespace
}  // namespace stet
