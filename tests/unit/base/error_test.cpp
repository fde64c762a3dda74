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

TEST(Error, DetailIsForTheRecordAlone) {
  const Error error = Error(ErrorKind::plugin, "m").detail("frame #0");
  EXPECT_STREQ(error.what(), "m");
  EXPECT_EQ(error.detail(), "frame #0");
}

TEST(Error, AnOuterPlaceComesBeforeAnInnerOne) {
  EXPECT_EQ(Error(ErrorKind::plugin, "m").within("arm a").where(), "arm a");
  EXPECT_EQ(Error(ErrorKind::plugin, "m").at("plugin p").within("arm a").where(), "arm a: plugin p");
}

TEST(Error, TravelsAsFieldsWhateverTheyHold) {
  const Error sent = Error(ErrorKind::numerical, "m\n  hint: not one")
                         .at("w")
                         .expected("e")
                         .received("")
                         .hint("h\n  where: x")
                         .detail(std::string("d\0", 2));
  const Error got = unpack_error(pack_error(sent));
  EXPECT_EQ(got.kind(), sent.kind());
  EXPECT_STREQ(got.what(), sent.what());
  EXPECT_EQ(got.message(), sent.message());
  EXPECT_EQ(got.expected(), "e");
  EXPECT_EQ(got.received(), "");
  EXPECT_EQ(got.hint(), sent.hint());
  EXPECT_EQ(got.detail(), sent.detail());
  const std::string packed = pack_error(sent);
  for (std::size_t size = 0; size < packed.size(); ++size) {
    try {
      (void)unpack_error(packed.substr(0, size));
      ADD_FAILURE() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::internal);
    }
  }
}

Error caught(const auto& work) {
  try {
    work();
  } catch (...) {
    return current_error(ErrorKind::plugin);
  }
  return Error(ErrorKind::internal, "nothing was thrown");
}

TEST(Error, AnyExceptionBecomesOneThatNamesItsType) {
  EXPECT_EQ(caught([] { throw Error(ErrorKind::data, "own").at("f"); }).where(), "f");
  EXPECT_EQ(caught([] { throw Error(ErrorKind::data, "own"); }).kind(), ErrorKind::data);
  EXPECT_EQ(caught([] { throw std::runtime_error("boom"); }).message(), "std::runtime_error: boom");
  EXPECT_EQ(caught([] { throw 3; }).message(), "int");
  EXPECT_EQ(caught([] { throw std::bad_alloc(); }).message(), "out of memory (std::bad_alloc)");
  EXPECT_EQ(caught([] { throw 3; }).kind(), ErrorKind::plugin);
}

TEST(Error, AForeignStackGoesIntoTheDetail) {
  const std::string text = "shapes do not fit\nException raised from matmul\nframe #0: a\nframe #1: b\n";
  const Error error = caught([&] { throw std::runtime_error(text); });
  EXPECT_EQ(error.message(), "std::runtime_error: shapes do not fit");
  EXPECT_EQ(error.detail(), text);
  EXPECT_EQ(caught([] { throw std::runtime_error("1\n2\n3\n4"); }).message(), "std::runtime_error: 1\n2");
  EXPECT_EQ(caught([] { throw std::runtime_error(std::string(9000, 'x')); }).message().size(),
            std::string("std::runtime_error: ").size() + 504);
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
