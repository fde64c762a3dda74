// Where results lie:
//   ROOT/NAME/            table.md, table.tex, table.csv, plan.toml
//   ROOT/NAME/runs/ARM-sSEED-HASH/   run.toml, metrics.jsonl, outcomes.safetensors, measurements.csv, manifest.txt,
//   finished.json; its model, if kept ROOT/.runs/HASH       the folder, relative to ROOT, of a finished run of that
//   identity: other experiments copy its results ROOT/.runs/like-HASH  identity and inputs of the last finished run of
//   that likeness (PlannedRun) ROOT/.inputs          which files were found whole (ContentStamps) ROOT/.bases/HASH/
//   base models, shared by all experiments under ROOT; slick-HASH/ in it: labels of facts
#pragma once

#include <stet/outcomes/outcomes_file.hpp>
#include <stet/plan/plan.hpp>
#include <stet/run/record/task_record.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stet {

/// One task of a plan, and where it is done.
struct PlannedTask {
  enum class Kind { base, labels, run };
  Kind kind = Kind::base;
  std::size_t base = 0;  ///< number of the base model that it is, or stands on
  std::string identity;
  std::string name;  ///< task_name()
  std::filesystem::path folder;
  const RunConfig* config = nullptr;
  const PlannedRun* run = nullptr;  ///< null unless it is one
};

class Workspace {
 public:
  Workspace(std::filesystem::path root, std::string experiment);

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] static std::filesystem::path inputs_file(const std::filesystem::path& root) { return root / ".inputs"; }
  [[nodiscard]] std::filesystem::path base_folder(const PlannedBase& base) const;
  /// Beside the base, in its folder.
  [[nodiscard]] std::filesystem::path labels_folder(const PlannedLabels& labels, const PlannedBase& base) const;
  [[nodiscard]] std::filesystem::path run_folder(const PlannedRun& run) const;

  /// Bases, then labels, then runs, each in the plan's order. The plan must outlive them.
  [[nodiscard]] std::vector<PlannedTask> tasks(const Plan& plan) const;

  /// Makes a finished run known to other experiments under the same root; nothing if it is. What cannot be announced is
  /// said, and no less finished.
  void announce(const PlannedRun& run) const noexcept;
  /// The last run under the root that was announced with this likeness, whatever it was made from.
  struct Alike {
    std::string identity;
    config::Value inputs;  ///< PlannedRun::inputs
  };
  /// Nothing for a run without inputs, or if there is none that is still finished.
  [[nodiscard]] std::optional<Alike> last_alike(const PlannedRun& run) const;
  /// The folder of a run of this identity that another experiment under the root has finished, if there is one (with
  /// its model, if this run is to keep it).
  [[nodiscard]] std::optional<std::filesystem::path> finished_elsewhere(const PlannedRun& run) const;
  /// If another experiment under the root has finished a run of this identity (its arm may have another name): copies
  /// what it left into this run's folder, marks it finished, and returns true. Not collective; the run's lock must be
  /// held.
  [[nodiscard]] bool adopt(const PlannedRun& run) const;

 private:
  std::filesystem::path root_, folder_;
};

/// What a finished run left. Throws Error (data), with a hint that makes the run again, if it cannot be read or is not
/// what the run's record says.
[[nodiscard]] report::OutcomeRecord finished_outcomes(const std::filesystem::path& run);

}  // namespace stet
