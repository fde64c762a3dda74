// The plan of an experiment: arms x sweep points x seeds, each run with its identity.
#pragma once

#include <stet/config/value.hpp>
#include <stet/plan/run_config.hpp>
#include <stet/plugin/registry.hpp>
#include <stet/report/table.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

struct PlannedBase {
  std::string identity;  ///< hash of the parts of the configuration that it depends on, and its index
  std::int64_t index = 0;
  RunConfig config;
};

/// SLiCK labels of a base's facts and of an arm's new facts.
struct PlannedLabels {
  std::string identity;  ///< hash of base, facts and protocol
  std::size_t base = 0;  ///< index into Plan::bases
  RunConfig config;
};

struct PlannedRun {
  std::string arm;  ///< the arm's name, with the sweep point if there is one: "sft@train.learning_rate=0.0001"
  std::uint64_t seed = 0;
  std::size_t base = 0;               ///< index into Plan::bases
  std::optional<std::size_t> labels;  ///< index into Plan::labels, if its sets are drawn by them
  RunConfig config;
  config::Value resolved;  ///< everything that the identity is the hash of
  std::string identity;
  /// What it is made from, by hashes: "data", "tokenizer", "shards", "base", "plugin NAME" (those from elsewhere than
  /// the installation).
  config::Value inputs = config::Value::table();
  /// The identity but for these: the same for runs that were asked for in the same way and made from other files.
  std::string likeness;
  [[nodiscard]] std::string folder_name() const;
};

struct Plan {
  std::string name, title;
  std::filesystem::path file;
  std::int64_t ranks_per_run = 0;                         ///< ranks that train one run together; 0: all of the job
  config::Value document;                                 ///< merged, with overrides
  std::vector<std::pair<std::string, std::string>> arms;  ///< name and label, in order, sweep points included
  std::vector<PlannedBase> bases;
  std::vector<PlannedLabels> labels;
  std::vector<PlannedRun> runs;  ///< seeds outermost, so that the first rows of every arm are done early
  report::TableSpec table;
};

/// What users are shown: "base 1", "labels of base 1", "sft seed 2".
[[nodiscard]] std::string task_name(const PlannedBase& base);
[[nodiscard]] std::string task_name(const PlannedLabels& labels);
[[nodiscard]] std::string task_name(const PlannedRun& run);

/// Collective (plugins are loaded). Reads the file, applies inheritance and `overrides`, expands arms, sweep and seeds,
/// resolves plugin tables. Throws Error (config or plugin).
[[nodiscard]] Plan make_plan(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                             PluginRegistry& registry);

/// The labels that `config` asks for on base number `base` of the plan: those that are planned, or newly added to the
/// plan.
[[nodiscard]] std::size_t plan_labels(Plan& plan, std::size_t base, const RunConfig& config);

/// Folders that the experiment itself names for its plugins: [experiment] plugins = [...], relative to the file; where
/// `overrides` name them, to the present folder. Throws Error (config) for one that does not exist.
[[nodiscard]] std::vector<std::filesystem::path> plugin_folders(const std::filesystem::path& file,
                                                                const std::vector<std::string>& overrides = {});

}  // namespace stet
