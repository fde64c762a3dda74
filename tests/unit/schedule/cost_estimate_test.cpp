#include <stet/schedule/cost_estimate.hpp>

#include <experiment_support.hpp>
#include <stet/comm/session.hpp>

#include <string>
#include <vector>

namespace stet {
namespace {

TEST(ElapsedSeconds, OneBaseCannotBeDivided) {
  const std::vector<WorkLeft> one = {{100, 0, {10, 10, 10, 10}}};
  EXPECT_DOUBLE_EQ(total_seconds(one), 140);
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 1), 140);
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 2), 120);   // one worker waits for the base
  EXPECT_DOUBLE_EQ(elapsed_seconds(one, 64), 110);  // base, then a run
}

TEST(ElapsedSeconds, RunsOfABaseThatIsThereDoNotWait) {
  using Left = std::vector<WorkLeft>;
  EXPECT_DOUBLE_EQ(elapsed_seconds(Left{{0, 0, {50, 50}}, {100, 0, {10}}}, 2), 110);
  EXPECT_DOUBLE_EQ(elapsed_seconds(Left{{60, 20, {10}}, {60, 20, {10}}}, 2), 90);  // labels stand between
  EXPECT_DOUBLE_EQ(elapsed_seconds(Left{{0, 0, {30, 30, 30}}}, 2), 60);            // three runs are two rounds
  EXPECT_DOUBLE_EQ(elapsed_seconds(Left{}, 2), 0);
}

/// What a process of this experiment is predicted to hold.
double memory_of(const std::string& more) {
  const testing::Folder folder;
  const auto alone = make_single_process();
  PluginRegistry registry(*alone, PluginRegistry::usual_search({}));
  const Plan plan = make_plan(
      folder.write("experiment.toml", "inherit = \"" STET_SOURCE_DIR
                                      "/tests/e2e/world.toml\"\n[experiment]\nname = \"memory\"\nseeds = 1\n" +
                                          more),
      {}, registry);
  return estimate_cost(
             plan, registry, [](const std::string&) { return true; }, 0.02)
      .memory_bytes;
}

TEST(EstimateCost, TheTeachersAnswersArePartOfTheMemory) {
  const std::string table = "[table]\ntitle = \"t\"\n[[table.column]]\nlabel = \"Held\"\nset = \"held\"\n";
  const double plain = memory_of("[[arm]]\nname = \"sft\"\n" + table);
  const std::string distilled = "[[arm]]\nname = \"kl\"\n[arm.regularizer.self_distillation]\nstrength = 1.0\n" + table;
  const double cached = memory_of(distilled);
  const double slack = 1000;  // the megabytes below
  EXPECT_GT(cached, plain + 4 * slack);
  const double limited = memory_of("[train]\nteacher_cache_megabytes = 0.001\n" + distilled);
  EXPECT_LE(limited, plain + slack);
}

}  // namespace
}  // namespace stet
