#include <stet/base/error.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace stet {
namespace {

TEST(Error, HoldsEveryPartInOrder) {
  const Error error = Error(ErrorKind::data, "missing tensor 'a'")
                          .hint("convert the model again")
                          .received("12 tensors")
                          .expected("13 tensors")
                          .at("model.bin", 3, 4);
  EXPECT_STREQ(error.what(),
               "missing tensor 'a'\n  where: model.bin:3:4\n  expected: 13 tensors\n  received: 12 tensors\n"
               "  hint: convert the model again");
  EXPECT_EQ(error.message(), "missing tensor 'a'");
  EXPECT_EQ(error.where(), "model.bin:3:4");
  EXPECT_EQ(describe(error), error.what());
}

TEST(Error, AbsentPartsLeaveNoLine) {
  EXPECT_STREQ(Error(ErrorKind::data, "short").what(), "short");
  EXPECT_STREQ(Error(ErrorKind::data, "short").hint("").what(), "short");
  EXPECT_EQ(Error(ErrorKind::data, "x").at("f", 0, 9).where(), "f");
  EXPECT_EQ(Error(ErrorKind::data, "x").at("f", 2).where(), "f:2");
  EXPECT_EQ(Error(ErrorKind::data, "x").at("rank 3, step 7").where(), "rank 3, step 7");
}

TEST(Error, ALaterPartReplacesAnEarlierOne) {
  EXPECT_STREQ(Error(ErrorKind::data, "x").at("a").at("b").what(), "x\n  where: b");
}

TEST(Error, ExitCodesAreThoseOfTheDesign) {
  EXPECT_EQ(Error(ErrorKind::config, "").exit_code(), 2);
  EXPECT_EQ(Error(ErrorKind::data, "").exit_code(), 3);
  EXPECT_EQ(Error(ErrorKind::plugin, "").exit_code(), 4);
  EXPECT_EQ(Error(ErrorKind::checkpoint, "").exit_code(), 5);
  EXPECT_EQ(Error(ErrorKind::numerical, "").exit_code(), 6);
  EXPECT_EQ(Error(ErrorKind::communication, "").exit_code(), 7);
  EXPECT_EQ(exit_resumable, 75);
}

TEST(Error, IsCaughtAsAStandardException) {
  try {
    throw Error(ErrorKind::plugin, "m").at("p.so");
  } catch (const std::exception& error) {
    EXPECT_EQ(describe(error), "m\n  where: p.so");
  }
  EXPECT_EQ(describe(std::logic_error("other")), "other");
}

TEST(AssertDeathTest, AFalseConditionEndsTheProgramAndNamesIt) {
  EXPECT_DEATH(STET_ASSERT(1 + 1 == 3), "'1 \\+ 1 == 3' does not hold \\(.*error_test.cpp:");
  int calls = 0;
  STET_ASSERT(++calls == 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace stet
