// A run with every probe: what measurements.csv and the outcomes hold, and that ranks do not change it.
#include "program.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/e2e/probes.toml";

/// Steps at which a line of measurements.csv begins with `start` ("probe,name,set,layer,").
std::vector<std::string> steps_of(const std::string& csv, const std::string& start) {
  std::vector<std::string> steps;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(start))
      steps.push_back(line.substr(start.size(), line.find(',', start.size()) - start.size()));
  }
  return steps;
}

TEST(Probes, MeasureWhenTheyAreDueOnAnyNumberOfRanks) {
  const Folder alone, ranked;
  const Words arguments = {"run", file, "--set", "train.micro_shards=4", "--set", "pretrain.train.micro_shards=4"};
  ASSERT_TRUE(ended_with(stet(alone.path(), arguments), 0));
  const auto found = find_all(alone.path(), "measurements.csv");
  ASSERT_EQ(found.size(), 1U);
  const std::string csv = read(found[0]);

  const std::vector<std::string> all = steps_of(csv, "drift,drift,held,1,");
  ASSERT_GT(all.size(), 4U);
  const Words ends = {all.front(), all.back()};
  EXPECT_EQ(all.front(), "0");
  EXPECT_EQ(steps_of(csv, "overlap,jaccard_max,held,-1,"), Words{"0"});
  EXPECT_EQ(steps_of(csv, "neuron_overlap,cosine_max,held,1,"), Words{"0"});
  EXPECT_EQ(steps_of(csv, "gradient_cosine,cosine,held,-1,"), ends);
  EXPECT_EQ(steps_of(csv, "gradient_cosine,cosine.ffn.down,held,-1,"), ends);
  EXPECT_EQ(steps_of(csv, "logit_drift,kl,neutral,-1,"), all);
  EXPECT_EQ(steps_of(csv, "competitor,wrong,held,-1,"), all);
  const std::vector<std::string> phases = steps_of(csv, "cka,cka,unknown,1,");  // start, end of format, end of facts
  ASSERT_EQ(phases.size(), 3U);
  EXPECT_EQ(phases.front(), "0");
  EXPECT_EQ(phases.back(), all.back());
  const std::vector<std::string> shifts =
      steps_of(csv, "common_shift,shift,held,2,");  // of its own phase: first and last
  ASSERT_EQ(shifts.size(), 2U);
  EXPECT_EQ(shifts.back(), all.back());
  EXPECT_EQ(std::find(all.begin(), all.end(), phases[1]) + 1, std::find(all.begin(), all.end(), shifts[0]));

  const auto outcomes = files_named(alone.path(), "outcomes.safetensors");
  ASSERT_EQ(outcomes.size(), 1U);
  for (const std::string name :
       {"held.extra.drift.drift", "held.extra.overlap.jaccard_max", "held.extra.overlap.representation_max",
        "held.extra.gradient_cosine.cosine", "held.extra.gradient_cosine.forecast", "held.extra.logit_drift.kl",
        "unknown.extra.logit_drift.kl", "held.extra.common_shift.specific", "held.extra.neuron_overlap.jaccard_max",
        "held.extra.competitor.closest"}) {
    EXPECT_TRUE(contains(outcomes.begin()->second, "\"" + name + "\"")) << name;
  }
  // Read again, and made into a table.
  EXPECT_TRUE(ended_with(stet(alone.path(), arguments), 0));

  ASSERT_TRUE(ended_with(mpi_stet(2, ranked.path(), arguments), 0));
  EXPECT_EQ(files_named(ranked.path(), "measurements.csv").begin()->second, csv);
  EXPECT_TRUE(files_named(ranked.path(), "outcomes.safetensors").begin()->second == outcomes.begin()->second);
}

}  // namespace
}  // namespace stet::e2e
