#include <stet/batch/slurm.hpp>

#include <gtest/gtest.h>

namespace stet::batch {
namespace {

TEST(SlurmText, Minutes) {
  EXPECT_EQ(minutes_of("30"), 30);
  EXPECT_EQ(minutes_of("30:59"), 30);
  EXPECT_EQ(minutes_of("2:05:00"), 125);
  EXPECT_EQ(minutes_of("1-00:00:00"), 1440);
  EXPECT_EQ(minutes_of("7-12"), 7 * 1440 + 720);
  for (const char* text : {"infinite", "n/a", "", "UNLIMITED", "1:2:3:4", "x-1"})
    EXPECT_FALSE(minutes_of(text).has_value()) << text;
}

TEST(SlurmText, StatesOfAJob) {
  const std::vector<JobState> states = parse_states(
      "12_[4-9%2]|PENDING|JobArrayTaskLimit||10:00\n12_3|RUNNING|None|n1|8:12\n12_2|COMPLETED|None|n2|0:"
      "00\nnonsense\n");
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states[0].id, "12_[4-9%2]");
  EXPECT_EQ(states[0].reason, "JobArrayTaskLimit");
  EXPECT_EQ(states[1].nodes, "n1");
  EXPECT_EQ(states[1].reason, "");
  EXPECT_EQ(states[1].time_left, "8:12");
  EXPECT_TRUE(states[0].alive());
  EXPECT_TRUE(states[1].alive());
  EXPECT_FALSE(states[2].alive());
}

TEST(SlurmText, BetweenTwoLivesAJobIsAlive) {
  for (const char* state : {"PENDING", "RUNNING", "COMPLETING", "REQUEUED", "PREEMPTED", "SUSPENDED", "CONFIGURING",
                            "REQUEUE_HOLD", "STOPPED"})
    EXPECT_TRUE((JobState{"1", state, "", "", ""}).alive()) << state;
  for (const char* state : {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "GONE"})
    EXPECT_FALSE((JobState{"1", state, "", "", ""}).alive()) << state;
}

}  // namespace
}  // namespace stet::batch
