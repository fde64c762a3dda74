#include <stet/base/strings.hpp>

#include <gtest/gtest.h>

#include <cstdint>

namespace stet {
namespace {

TEST(WholeNumber, IsAllOfTheText) {
  EXPECT_EQ(whole_number<int>("12"), 12);
  EXPECT_EQ(whole_number<int>("-3"), -3);
  EXPECT_EQ(whole_number<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " 1", "1 ", "+1", "1.0", "0x10", "max", "2147483648"})
    EXPECT_FALSE(whole_number<int>(text)) << text;
  EXPECT_FALSE(whole_number<std::uint64_t>("-1"));
  EXPECT_FALSE(whole_number<std::uint64_t>("18446744073709551616"));
}

}  // namespace
}  // namespace stet
