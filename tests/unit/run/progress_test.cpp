#include <stet/run/record/progress.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <vector>

namespace stet {
namespace {

TEST(ProgressMeter, SpeaksAtMostTwiceASecond) {
  std::vector<Progress> said;
  ProgressMeter meter([&](const Progress& progress) { said.push_back(progress); }, "sft seed 1", "abc");
  int asked = 0;
  const auto fraction = [&] { return 0.1 * ++asked; };
  const auto step = [&] { meter.stepped(100, fraction, [] { return 5.0; }); };
  for (int i = 0; i < 10; ++i) step();
  EXPECT_TRUE(said.empty());
  EXPECT_EQ(asked, 0);  // what nobody hears is not computed
  ::usleep(520'000);
  step();
  step();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].task, "sft seed 1");
  EXPECT_EQ(said[0].identity, "abc");
  EXPECT_DOUBLE_EQ(said[0].fraction, 0.1);
  EXPECT_DOUBLE_EQ(said[0].seconds, 5);
  EXPECT_GT(said[0].tokens_per_second, 0);
  EXPECT_LE(said[0].tokens_per_second, 1100 / 0.52);
}

TEST(ProgressMeter, NobodyListens) {
  ProgressMeter meter({}, "a", "b");
  ::usleep(510'000);
  meter.stepped(
      1, []() -> double { throw 1; }, [] { return 0.0; });
}

}  // namespace
}  // namespace stet
