#include <stet/plan/world_source.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>
#include <stet/plan/plan.hpp>

#include <filesystem>
#include <set>

namespace stet {
namespace {

/// A run uses its arm's world for everything, what its base was made from included. Of every experiment whose worlds
/// are made from its file alone.
TEST(Worlds, AnArmsWorldHasItsBasesFactsAndText) {
  const auto alone = make_single_process();
  PluginRegistry registry(*alone, {STET_BINARY_DIR "/lib/stet-plugins"});
  std::size_t compared = 0;
  std::set<const World*> seen;
  Worlds worlds;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(STET_SOURCE_DIR "/experiments")) {
    if (entry.path().extension() != ".toml" || entry.path().string().find("entity-questions") != std::string::npos ||
        entry.path().string().find("/results/") != std::string::npos ||
        entry.path().string().find("/real/") != std::string::npos)
      continue;
    if (read_file(entry.path()).find("[experiment]") == std::string::npos) continue;  // others inherit from it
    const Plan plan = make_plan(entry.path(), {}, registry);
    for (const PlannedRun& run : plan.runs) {
      const World &base = worlds.of(plan.bases[run.base].config), &arm = worlds.of(run.config);
      if (&base == &arm || !seen.insert(&arm).second) continue;
      ++compared;
      SCOPED_TRACE(entry.path().filename().string() + ", " + run.arm);
      ASSERT_EQ(base.base_facts().size(), arm.base_facts().size());
      ASSERT_EQ(base.neutral_lines(), arm.neutral_lines());
      for (std::size_t i = 0; i < base.base_facts().size(); ++i) {
        ASSERT_EQ(base.base_facts()[i], arm.base_facts()[i]);
        ASSERT_EQ(base.asked(base.base_facts()[i]), arm.asked(arm.base_facts()[i]));
      }
      for (std::uint64_t i = 0; i < base.epoch_size(); i += 37) {
        const Example a = base.pretraining_example(3, i), b = arm.pretraining_example(3, i);
        ASSERT_EQ(a.prompt, b.prompt);
        ASSERT_EQ(a.completion, b.completion);
      }
    }
  }
  EXPECT_GT(compared, 5U);
}

TEST(Worlds, AreMadeOnceForWhatIsAlike) {
  RunConfig config, other;
  config.data.synthetic.entities = other.data.synthetic.entities = 30;
  other.train.batch_size = 7;
  Worlds worlds;
  EXPECT_EQ(&worlds.of(config), &worlds.of(other));
  other.data.synthetic.new_entities = config.data.synthetic.new_entities + 1;
  EXPECT_NE(&worlds.of(config), &worlds.of(other));
}

}  // namespace
}  // namespace stet
