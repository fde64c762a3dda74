// Every output regularizer, and both kinds of rehearsal, in whole runs: what they add to the loss, and the same bits on
// two ranks.
#include "program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace stet::e2e {
namespace {

const std::string outputs_file = STET_SOURCE_DIR "/tests/e2e/outputs.toml";

/// Lines of an arm's metrics.jsonl in the phase "facts".
std::vector<nlohmann::json> facts_of(const fs::path& folder, const std::string& arm) {
  std::vector<nlohmann::json> lines;
  for (const fs::path& path : find_all(folder / "runs", "metrics.jsonl")) {
    if (!path.parent_path().filename().string().starts_with(arm + "-s")) continue;
    std::istringstream text(read(path));
    for (std::string line; std::getline(text, line);) {
      nlohmann::json one = nlohmann::json::parse(line);
      if (one.at("phase") == "facts") lines.push_back(std::move(one));
    }
  }
  EXPECT_FALSE(lines.empty()) << arm;
  return lines;
}

TEST(OutputRegularizers, TrainInWholeRunsToTheSameBitsOnTwoRanks) {
  const Folder folder;
  ASSERT_TRUE(ended_with(stet(folder.path(), {"run", outputs_file}), 0));
  const std::vector<nlohmann::json> plain = facts_of(folder.path(), "sft");
  const std::vector<std::pair<std::string, Words>> arms = {{"self_distillation", {"self_distillation"}},
                                                           {"kl_ema", {"self_distillation"}},
                                                           {"kl_permuted", {"self_distillation"}},
                                                           {"kl_uniform", {"self_distillation"}},
                                                           {"kl_known", {"self_distillation"}},
                                                           {"kl_unknown", {"self_distillation"}},
                                                           {"kl_neutral", {"self_distillation"}},
                                                           {"label_smoothing", {"label_smoothing"}},
                                                           {"confidence_penalty", {"confidence_penalty"}},
                                                           {"replay", {"replay", "own_words"}}};
  for (const auto& [arm, keys] : arms) {
    const std::vector<nlohmann::json> lines = facts_of(folder.path(), arm);
    ASSERT_EQ(lines.size(), plain.size()) << arm;
    double largest = 0;
    for (const nlohmann::json& line : lines) {
      double sum = line.at("task_loss").get<double>();
      for (const std::string& key : keys) {
        sum += line.at(key).get<double>();
        largest = std::max(largest, std::abs(line.at(key).get<double>()));
      }
      EXPECT_NEAR(line.at("loss").get<double>(), sum, 1e-6 * std::max(1.0, std::abs(sum))) << arm;
    }
    EXPECT_GT(largest, 1e-4) << arm;
    // The first step's task loss is that of plain training: the runs are the same until then.
    EXPECT_EQ(lines[0].at("step"), plain[0].at("step")) << arm;
    EXPECT_NEAR(lines[0].at("task_loss").get<double>(), plain[0].at("task_loss").get<double>(), 1e-5) << arm;
    EXPECT_NE(lines.back().at("task_loss"), plain.back().at("task_loss")) << arm;
  }
  // A moving teacher begins as the student, a snapshot of the phase before is the student: both begin at 0.
  EXPECT_NEAR(facts_of(folder.path(), "kl_ema")[0].at("self_distillation").get<double>(), 0, 1e-6);
  EXPECT_NEAR(facts_of(folder.path(), "self_distillation")[0].at("self_distillation").get<double>(), 0, 1e-6);
  EXPECT_GT(facts_of(folder.path(), "kl_permuted")[0].at("self_distillation").get<double>(), 0.1);
#if defined(STET_MPIEXEC)
  const Folder second;
  fs::create_directories(second / "runs");
  fs::copy(folder / "runs" / ".bases", second / "runs" / ".bases", fs::copy_options::recursive);
  ASSERT_TRUE(ended_with(mpi_stet(2, second.path(), {"run", outputs_file}), 0));
  for (const auto& [arm, keys] : arms) EXPECT_EQ(facts_of(folder.path(), arm), facts_of(second.path(), arm)) << arm;
#endif
}

}  // namespace
}  // namespace stet::e2e
