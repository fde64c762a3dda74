#include <stet/experiment/estimate.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

Estimate of(std::vector<Estimate::OfBase> bases) {
  Estimate estimate;
  for (const Estimate::OfBase& base : bases) {
    estimate.base_seconds += base.base;
    estimate.label_seconds += base.labels;
    for (const double run : base.runs) estimate.run_seconds += run;
  }
  estimate.by_base = std::move(bases);
  return estimate;
}

TEST(ElapsedSeconds, OneBaseCannotBeDivided) {
  const Estimate one = of({{100, 0, {10, 10, 10, 10}}});
  EXPECT_DOUBLE_EQ(elapsed_work(one), 140);
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 1), 140);
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 2), 120);   // one worker waits for the base
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 64), 110);  // base, then a run
}

TEST(ElapsedSeconds, RunsOfABaseThatIsThereDoNotWait) {
  EXPECT_DOUBLE_EQ(elapsed_seconds(of({{0, 0, {50, 50}}, {100, 0, {10}}}), 2), 110);
  EXPECT_DOUBLE_EQ(elapsed_seconds(of({{60, 20, {10}}, {60, 20, {10}}}), 2), 90);  // labels stand between
  EXPECT_DOUBLE_EQ(elapsed_seconds(of({{0, 0, {30, 30, 30}}}), 2), 60);            // three runs are two rounds
  EXPECT_DOUBLE_EQ(elapsed_seconds(of({}), 2), 0);
}

}  // namespace
}  // namespace stet
