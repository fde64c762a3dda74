// Executes one run: its phases with steps, evaluations and checkpoints, and at the end its record on disk. What trains
// is in fine_tuning.hpp, what is measured in run_evaluation.hpp, what is left on disk in run_executor_record.cpp.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/run/knowledge_labels.hpp>
#include <stet/run/record/metrics_log.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/run/record/progress.hpp>
#include <stet/run/run_evaluation.hpp>
#include <stet/run/run_sets.hpp>
#include <stet/run/run_state.hpp>
#include <stet/run/training/fine_tuning.hpp>
#include <stet/run/training/training_loop.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace stet {

class RunExecutor {
 public:
  /// `world`: the arm's, whose base facts are the base's. `labels`: what the fact sets are drawn by; null: recall.
  /// What is handed in must outlive this object.
  RunExecutor(const PlannedRun& run, const BaseModel& base, const World& world, const KnowledgeLabels* labels,
              PluginRegistry& registry, Communicator& communicator, std::filesystem::path folder,
              ProgressSink progress);

  /// Collective. Goes on from the newest checkpoint if there is one. Throws Stopped after a stop was asked for and
  /// a checkpoint written, and for whatever goes wrong Error, with arm, seed, phase and step.
  void execute();

 private:
  void run();
  [[nodiscard]] std::string place() const;  ///< "arm sft, seed 1, phase 'main' on known, step 3 of the run"
  [[nodiscard]] const PhaseConfig& phase() const { return run_.config.phases[state_.phase]; }

  void begin_phase();
  void train_phase();
  void note_step(const StepReport& report);
  [[nodiscard]] double fraction_done() const;  ///< of the run
  /// A line in the manifest and the log for each regularizer that changed nothing in the whole run although it is not
  /// off.
  void warn_of_silence();
  void checkpoint(bool last);
  [[nodiscard]] config::Value checkpoint_identity() const;
  bool resume();
  void add_answers();
  void write_record();
  void write_adapter(const std::optional<ModelSource>& source);

  const PlannedRun& run_;
  const BaseModel& base_;
  const World& world_;
  PluginRegistry& registry_;
  Communicator& communicator_;
  std::filesystem::path folder_;
  ProgressMeter progress_;

  RunSets sets_;
  FineTuning tuning_;
  RunEvaluation evaluation_;
  RunState state_;
  CheckpointStore store_;
  StepBoundary boundary_;
  MetricsLog metrics_;
  std::string manifest_;
  TaskStopwatch watch_;  // since state_.spent was last brought up to date
};

}  // namespace stet
