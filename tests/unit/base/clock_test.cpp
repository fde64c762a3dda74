#include <stet/base/clock.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <thread>

namespace stet {
namespace {

TEST(TaskStopwatch, WaitingTakesTimeOfTheWallAlone) {
  const TaskStopwatch watch;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const TimeSpent spent = watch.spent();
  EXPECT_GE(spent.wall, 0.2);
  EXPECT_LT(spent.processor, 0.1);
}

TEST(TaskStopwatch, WorkTakesProcessorTimeInEveryThread) {
  TaskStopwatch watch;
  const auto work = [] {
    const ProcessorStopwatch own;  // of the whole process: both threads see the sum
    double sum = 0;
    while (own.seconds() < 0.1) {
      for (int i = 1; i < 10000; ++i) sum += std::sqrt(static_cast<double>(i));
    }
    return sum;
  };
  std::thread other([&work] { EXPECT_GT(work(), 0); });
  EXPECT_GT(work(), 0);
  other.join();
  const TimeSpent spent = watch.spent();
  EXPECT_GE(spent.processor, 0.1);
  EXPECT_GE(2 * spent.wall, 0.09);  // two threads at most
  watch.restart();
  EXPECT_LT(watch.spent().processor, 0.1);
}

TEST(TimeSpent, Adds) {
  TimeSpent sum{1, 2};
  sum += {0.5, 0.25};
  EXPECT_EQ(sum.wall, 1.5);
  EXPECT_EQ(sum.processor, 2.25);
}

TEST(CoveredSeconds, CountsWhatOverlapsOnceAndPausesNever) {
  EXPECT_EQ(covered_seconds({}), 0.0);
  EXPECT_EQ(covered_seconds({{10, 14}, {0, 4}, {2, 6}}), 10.0);  // a pause from 6 to 10
  EXPECT_EQ(covered_seconds({{0, 10}, {2, 3}, {4, 12}}), 12.0);  // one inside another
  EXPECT_EQ(covered_seconds({{0, 2}, {2, 4}, {3, 1}}), 4.0);
}

}  // namespace
}  // namespace stet
