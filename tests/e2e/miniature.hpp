// The experiment miniature.toml, run once for all tests that look at it.
#pragma once

#include "program.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace stet::e2e {

/// The experiment is run once; tests that change something work on a copy of its results.
class MiniatureTest : public ::testing::Test {
 protected:
  static inline const std::string file = STET_SOURCE_DIR "/tests/e2e/miniature.toml";
  static inline const Words arms = {"known_only", "sft", "self_distillation", "attention_only", "l2_sp"};

  static void SetUpTestSuite() {
    shared_ = new Folder;
    first_ = new Outcome(stet(shared_->path(), {"run", file}));
  }
  static void TearDownTestSuite() {
    delete first_;
    delete shared_;
  }

  void SetUp() override { ASSERT_TRUE(ended_with(*first_, 0)); }

  /// A folder with results of its own: all of them, or without those of some arms.
  void copy_results(const Words& without = {}) {
    fs::copy(*shared_ / "runs", mine_ / "runs", fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(mine_ / "runs" / "miniature" / "runs")) {
      const std::string name = entry.path().filename().string();
      for (const std::string& arm : without) {
        if (name.starts_with(arm + "-s")) fs::remove_all(entry.path());
      }
    }
  }
  /// The base model alone.
  void copy_base() {
    fs::create_directories(mine_ / "runs");
    fs::copy(*shared_ / "runs" / ".bases", mine_ / "runs" / ".bases", fs::copy_options::recursive);
  }

  static fs::path run_folder(const fs::path& results, const std::string& arm, int seed) {
    for (const auto& entry : fs::directory_iterator(results / "miniature" / "runs")) {
      if (entry.path().filename().string().starts_with(arm + "-s" + std::to_string(seed) + "-")) return entry.path();
    }
    ADD_FAILURE() << "no run of " << arm << ", seed " << seed << " in " << results;
    return results;
  }

  static std::map<std::string, fs::file_time_type> finish_times(const fs::path& folder) {
    std::map<std::string, fs::file_time_type> times;
    for (const fs::path& path : find_all(folder, "finished.json"))
      times[fs::relative(path, folder).string()] = fs::last_write_time(path);
    return times;
  }

  /// The first losses in metrics.jsonl.
  static std::vector<double> first_losses(const fs::path& metrics, std::size_t count) {
    std::vector<double> losses;
    std::istringstream lines(read(metrics));
    for (std::string line; losses.size() < count && std::getline(lines, line);)
      losses.push_back(nlohmann::json::parse(line).at("loss").get<double>());
    EXPECT_EQ(losses.size(), count) << metrics;
    return losses;
  }

  static std::string csv() { return read(*shared_ / "runs" / "miniature" / "table.csv"); }
  [[nodiscard]] std::string my_csv() const { return read(mine_ / "runs" / "miniature" / "table.csv"); }

  Folder mine_;
  static inline Folder* shared_ = nullptr;
  static inline Outcome* first_ = nullptr;
};

}  // namespace stet::e2e
