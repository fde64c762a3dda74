// Executes one run: phases, steps, evaluations, probes, checkpoints, and at the end its record on disk.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/run/knowledge_labels.hpp>
#include <stet/run/metrics_log.hpp>
#include <stet/run/progress.hpp>
#include <stet/run/run_probes.hpp>
#include <stet/run/run_state.hpp>
#include <stet/run/training_loop.hpp>
#include <stet/train/trainer.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <utility>

namespace stet {

class RunExecutor {
 public:
  /// `labels`: what the fact sets are drawn by; null: recall.
  RunExecutor(const PlannedRun& run, const BaseModel& base, const KnowledgeLabels* labels, PluginRegistry& registry,
              Communicator& communicator, std::filesystem::path folder, ProgressSink progress);

  /// Collective. Goes on from the newest checkpoint if there is one. Throws Stopped after a stop was asked for and
  /// a checkpoint written, and for whatever goes wrong Error, with arm, seed, phase and step.
  void execute();

 private:
  void run();
  [[nodiscard]] std::string place() const;  ///< "arm sft, seed 1, phase 'main' on known, step 3 of the run"
  template <class Call>
  decltype(auto) hook(const char* kind, const PluginUse& use, const char* name, Call&& call) const {
    return guarded(communicator_.recorder(), kind, use.key, name, std::forward<Call>(call));
  }

  struct Instance {
    const PluginUse* use;
    std::unique_ptr<Regularizer> regularizer;
  };

  void begin_phase(bool resumed);
  void train_phase();
  void end_phase();
  [[nodiscard]] SetScore score_set(const TokenizedSet& set) const;
  /// Scores and records all sets, and runs the probes. `validation`: that set's score, if it is known already.
  void evaluate(float epoch, std::optional<SetScore> validation = std::nullopt);
  /// Scores the validation set alone and says (state_.phase_over) whether the phase ends here.
  std::optional<SetScore> judge_plateau(std::int64_t epoch);
  void note_acting(const StepReport& report);
  /// A line in the manifest and the log for each regularizer that changed nothing in the whole run although it is not
  /// off.
  void warn_of_silence();
  void note_step(const StepReport& report);
  [[nodiscard]] TrainingData phase_data() const;
  /// `listed`: the phase is in the manifest already (it goes on from a checkpoint).
  [[nodiscard]] TrainableSelection select_trainable(bool listed);
  void check_frozen() const;
  void checkpoint();
  bool resume();
  void write_record();
  [[nodiscard]] double fraction_done() const;  ///< of the run

  const PlannedRun& run_;
  const BaseModel& base_;
  PluginRegistry& registry_;
  Communicator& communicator_;
  std::filesystem::path folder_;
  ProgressMeter progress_;

  World world_;  // this arm's: new facts differ between arms, the base's text does not
  at::Tensor weights_;
  RunProbes probes_;
  std::vector<TokenizedSet> sets_;
  std::string curation_;  // curation.md, or empty
  std::unique_ptr<Trainer> trainer_;
  std::vector<Instance> regularizers_;
  SnapshotStore snapshots_;
  RunState state_;
  CheckpointStore store_;
  StepBoundary boundary_;
  MetricsLog metrics_;
  at::Tensor phase_start_;  // weights at the start of the phase, to check what is frozen
  std::string manifest_;
  TaskStopwatch watch_;  // since state_.spent was last brought up to date
};

}  // namespace stet
