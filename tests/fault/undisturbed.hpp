// An experiment that was never disturbed, and a folder in which the same is, whose results must be the same bytes.
#pragma once

#include <e2e/program.hpp>

#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <vector>

namespace stet::e2e {

inline const std::string file = STET_SOURCE_DIR "/tests/fault/fault.toml";

inline Words run_words(const Words& more = {}) {
  Words words = {"run", file};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// What must be the same however a run came about. Not finished.json: it holds times.
inline std::map<std::string, std::string> results(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const std::string name : {"table.csv", "outcomes.safetensors", "measurements.csv", "manifest.txt", "run.toml",
                                 "model.safetensors", "knowledge.safetensors", "certification.md"}) {
    all.merge(files_named(folder / "runs", name));
  }
  return all;
}

class FaultTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    reference_ = new Folder;
    const auto start = std::chrono::steady_clock::now();
    first_ = new Outcome(stet(reference_->path(), run_words()));
    duration_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    undisturbed_ = new std::map<std::string, std::string>(results(reference_->path()));
  }
  static void TearDownTestSuite() {
    delete undisturbed_;
    delete first_;
    delete reference_;
  }
  void SetUp() override {
    ASSERT_TRUE(ended_with(*first_, 0));
    ASSERT_EQ(undisturbed_->size(),
              13U);  // table, four files of each of two runs, three of the base, the copy of its Table 0
  }

  /// Starts from the finished base model, so that faults meet the runs.
  void copy_base() const {
    fs::create_directories(mine_ / "runs");
    fs::copy(*reference_ / "runs" / ".bases", mine_ / "runs" / ".bases", fs::copy_options::recursive);
  }

  void expect_undisturbed() const {
    const std::map<std::string, std::string> mine = results(mine_.path());
    for (const auto& [name, bytes] : *undisturbed_) {
      ASSERT_TRUE(mine.contains(name)) << name;
      EXPECT_TRUE(mine.at(name) == bytes) << name << " differs";
    }
    EXPECT_EQ(mine.size(), undisturbed_->size());
    EXPECT_TRUE(find_all(mine_ / "runs", "checkpoints").empty());
    EXPECT_TRUE(find_all(mine_ / "runs", "failed.json").empty());
    for (const auto& entry : fs::recursive_directory_iterator(mine_ / "runs")) {
      const std::string name = entry.path().filename().string();
      EXPECT_FALSE(name.starts_with(".status")) << entry.path();
      // A table that was half written when its process was killed may lie beside the table; nothing may beside a
      // result.
      EXPECT_FALSE(contains(name, ".tmp") && entry.path().parent_path() != mine_ / "runs" / "fault") << entry.path();
    }
  }

  void finish_and_compare() const {
    const Outcome finished = stet(mine_.path(), run_words());
    ASSERT_TRUE(ended_with(finished, 0));
    EXPECT_EQ(finished.out, first_->out);
    expect_undisturbed();
  }

  /// A worker process dies at the fault. All of them, one after the other, in one folder: each finds what the one
  /// before left.
  void die_at(const Words& faults) const {
    for (const std::string& fault : faults) {
      const Outcome killed = stet(mine_.path(), run_words({"--worker"}), {{"STET_FAULT", fault}});
      ASSERT_EQ(killed.signal, SIGKILL) << fault << "\n" << killed.err;
    }
  }

  Folder mine_;
  static inline double duration_ = 0;
  static inline Folder* reference_ = nullptr;
  static inline Outcome* first_ = nullptr;
  static inline std::map<std::string, std::string>* undisturbed_ = nullptr;
};

/// Whole checkpoints below the folder.
inline std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::path& manifest : find_all(folder, "manifest.json")) {
    if (!manifest.parent_path().filename().string().ends_with(".tmp")) found.push_back(manifest.parent_path());
  }
  return found;
}

}  // namespace stet::e2e
