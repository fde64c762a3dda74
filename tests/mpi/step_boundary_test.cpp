// When several ranks save and stop (CTest: 1, 2 and 4): at the same steps, soon, and without a message a step.
#include <stet/checkpoint/stopping.hpp>

#include "ranked_main.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

void step(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// The steps after which a checkpoint is due; with an interval of 0 that is whenever the ranks look.
std::string looks(int steps, double seconds) {
  StepBoundary boundary(*world, -1.0);
  std::string marks;
  for (int i = 0; i < steps; ++i) {
    step(seconds);
    const StepBoundary::Due due = boundary.look();
    EXPECT_FALSE(due.stop);
    marks += due.save ? '1' : '0';
  }
  for (const std::string& other : world->all_gather(marks)) EXPECT_EQ(other, marks);
  return marks;
}

std::size_t count(const std::string& marks) {
  return static_cast<std::size_t>(std::count(marks.begin(), marks.end(), '1'));
}

TEST(StepBoundaryRanks, LongStepsAreEachLookedAt) { EXPECT_EQ(looks(4, StepBoundary::look_seconds + 0.05), "1111"); }

TEST(StepBoundaryRanks, ShortStepsShareALook) {
  const std::string marks = looks(400, 0.002);
  if (world->size() == 1) {
    EXPECT_EQ(count(marks), 400U);  // it costs nothing
    return;
  }
  EXPECT_GE(count(marks), 3U);
  EXPECT_LE(count(marks), 20U);  // 1, 2, 4, ... 64, then every 125 or fewer
}

TEST(StepBoundaryRanks, AStopOfOneRankIsHeardByAllAtTheSameStep) {
  StepBoundary boundary(*world, 1e9);
  int heard = -1;
  for (int i = 0; i < 2000 && heard < 0; ++i) {
    step(0.001);
    if (i == 50 && world->rank() == world->size() - 1) request_stop();
    const StepBoundary::Due due = boundary.look();
    if (due.stop) heard = i;
    EXPECT_EQ(due.save, due.stop);
  }
  EXPECT_GE(heard, 50);
  for (const std::string& other : world->all_gather(std::to_string(heard))) EXPECT_EQ(other, std::to_string(heard));
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& given) { stet::world = &given; });
}
