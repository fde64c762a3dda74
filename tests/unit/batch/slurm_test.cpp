#include <stet/batch/slurm.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

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

/// A sinfo that answers each format as that of a cluster with two partitions, `small` the default one.
TEST(SlurmText, WhatAPartitionHas) {
  const testing::Folder folder;
  const auto script = [&](const char* name, const std::string& text) {
    std::filesystem::permissions(folder.write(name, "#!/bin/sh\n" + text), std::filesystem::perms::owner_all);
  };
  script("sbatch", "echo slurm 22\n");
  script("sinfo", R"(case "$3 $4" in
"%c ") printf '4\n16+\n' ;;
"%c --partition=small") echo 4 ;;
"%P|%D ") printf 'small*|2\nsmall*|1\nlarge|40\n' ;;
"%P|%D --partition=large") echo 'large|40' ;;
"%P|%l ") printf 'large|7-00:00:00\nsmall*|30:00\n' ;;
"%P|%l --partition=large") echo 'large|7-00:00:00' ;;
esac
)");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder.path().string() + ":" + path).c_str(), 1);
  const Slurm slurm;
  EXPECT_EQ(slurm.cores_of_a_node(""), 16);
  EXPECT_EQ(slurm.cores_of_a_node("small"), 4);
  EXPECT_EQ(slurm.nodes(""), 3);
  EXPECT_EQ(slurm.nodes("large"), 40);
  EXPECT_EQ(slurm.nodes("nowhere"), std::nullopt);
  EXPECT_EQ(slurm.longest_minutes(""), 30);
  EXPECT_EQ(slurm.longest_minutes("large"), 7 * 1440);
  ::setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace stet::batch
