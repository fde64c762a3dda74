// The group of one, and collectively() within it. Groups of several ranks: tests/mpi/communicator_test.cpp.
#include <stet/base/error.hpp>
#include <stet/comm/communicator.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace stet {
namespace {

TEST(SingleProcess, IsRankZeroOfOne) {
  const auto group = make_single_process();
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->size(), 1);
  EXPECT_TRUE(group->concurrent());
}

TEST(SingleProcess, ReductionsLeaveTheBitsAlone) {
  const auto group = make_single_process();
  std::array<float, 3> floats{1.5F, -0.0F, std::numeric_limits<float>::infinity()};
  std::array<double, 2> doubles{0.1, -7};
  std::array<std::int64_t, 1> whole{std::numeric_limits<std::int64_t>::min()};
  group->all_reduce_sum(floats);
  group->tree_all_reduce_sum(floats);
  group->all_reduce_sum(doubles);
  group->all_reduce_max(doubles);
  group->tree_all_reduce_sum(doubles);
  group->all_reduce_sum(whole);
  group->barrier();
  EXPECT_EQ(floats, (std::array<float, 3>{1.5F, -0.0F, std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(std::signbit(floats[1]));
  EXPECT_EQ(doubles, (std::array<double, 2>{0.1, -7}));
  EXPECT_EQ(whole[0], std::numeric_limits<std::int64_t>::min());
}

TEST(SingleProcess, TextsComeBack) {
  const auto group = make_single_process();
  const std::string text("a\0b", 3);
  EXPECT_EQ(group->all_gather(text), std::vector<std::string>{text});
  EXPECT_EQ(group->broadcast_text(text, 0), text);
  std::array<std::byte, 2> bytes{std::byte{1}, std::byte{2}};
  group->broadcast(bytes, 0);
  EXPECT_EQ(bytes[1], std::byte{2});
}

TEST(SingleProcess, DuplicateAndSplitAreGroupsOfOne) {
  const auto group = make_single_process();
  EXPECT_EQ(group->duplicate()->size(), 1);
  EXPECT_EQ(group->split(3)->split(0)->rank(), 0);
}

TEST(SingleProcessDeathTest, MisuseAndAbort) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto group = make_single_process();
  EXPECT_DEATH(group->broadcast({}, 1), "root == 0");
  EXPECT_DEATH((void)group->broadcast_text("", -1), "root == 0");
  EXPECT_DEATH((void)group->split(-1), "color >= 0");
  EXPECT_EXIT(group->abort(7), ::testing::ExitedWithCode(7), "");
}

TEST(Collectively, RunsTheWorkOnce) {
  const auto group = make_single_process();
  int runs = 0;
  collectively(*group, [&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(Collectively, ExceptionsPassUnchangedInAGroupOfOne) {
  const auto group = make_single_process();
  try {
    collectively(*group, [] { throw Error(ErrorKind::plugin, "no").at("x.so").hint("h"); });
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::plugin);
    EXPECT_EQ(error.where(), "x.so");
    EXPECT_STREQ(error.what(), "no\n  where: x.so\n  hint: h");
  }
  EXPECT_THROW(collectively(*group, [] { throw std::out_of_range("x"); }), std::out_of_range);
}

}  // namespace
}  // namespace stet
