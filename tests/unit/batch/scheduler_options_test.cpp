#include <stet/batch/scheduler_options.hpp>

#include <experiment_support.hpp>
#include <stet/base/error.hpp>

namespace stet::batch {
namespace {

using testing::error_of;
using testing::has;
using Words = std::vector<std::string>;

TEST(SchedulerOptions, AreOneWordEach) {
  EXPECT_EQ(scheduler_options({"--partition", "gpu", "-A", "me", "--hold", "--time=5:00", "-pgpu"}),
            (Words{"--partition=gpu", "-A me", "--hold", "--time=5:00", "-pgpu"}));
  EXPECT_EQ(scheduler_options({"--comment=two words"}), Words{"--comment=two words"});
  EXPECT_TRUE(scheduler_options({}).empty());
}

TEST(SchedulerOptions, AWordOfNoOptionIsRefused) {
  for (const Words& words : {Words{"gpu"}, Words{"--time=5", "6"}, Words{"-A", "me", "you"}})
    EXPECT_TRUE(has(error_of([&] { (void)scheduler_options(words); }).what(), "belongs to no option")) << words.back();
}

TEST(SchedulerOptions, WhatStetReliesOnIsNotTakenFromIt) {
  for (const Words& words :
       {Words{"--job-name=x"}, Words{"-J", "x"}, Words{"-Jx"}, Words{"--output", "x.log"}, Words{"-o", "x"},
        Words{"--error=e"}, Words{"-e", "e"}, Words{"--array=1-3"}, Words{"-a", "1-3"}, Words{"--nodes=4"},
        Words{"-N4"}, Words{"-n", "2"}, Words{"--hold", "--signal=B:TERM@60"}, Words{"--open-mode=truncate"}}) {
    const std::string error(error_of([&] { (void)scheduler_options(words); }).what());
    EXPECT_TRUE(has(error, "stet sets this option of sbatch itself")) << words.front();
    EXPECT_TRUE(has(error, "hint")) << words.front();
  }
  // Not by a common beginning.
  EXPECT_EQ(scheduler_options({"--ntasks-per-core=1", "--nodelist=n1"}),
            (Words{"--ntasks-per-core=1", "--nodelist=n1"}));
}

TEST(SchedulerOptions, ThePartitionIsTheLastThatIsNamed) {
  EXPECT_EQ(partition_of({}), "");
  EXPECT_EQ(partition_of({"--hold"}), "");
  EXPECT_EQ(partition_of({"--partition=gpu"}), "gpu");
  EXPECT_EQ(partition_of({"-p gpu", "-pcpu"}), "cpu");
}

}  // namespace
}  // namespace stet::batch
