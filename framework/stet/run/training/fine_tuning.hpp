// A model that is trained in phases, with its regularizers and freeze strategies through their whole life: made, begun,
// stepped, ended, saved and loaded. The one place that calls these hooks outside a step: a run, the conformance kit and
// the cost estimate all train through it, so that a plugin meets the same calls in the same order everywhere.
// What this is not: the loop, evaluations, or anything on disk.
#pragma once

#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/plan/run_config.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/registry.hpp>
#include <stet/plugin/regularizer.hpp>
#include <stet/train/snapshot_store.hpp>
#include <stet/train/trainer.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stet {

/// Collective if it says so; every hook of a plugin is, so that what fails on one rank is known to all.
class FineTuning {
 public:
  /// Collective. `base`: flat weights to start from; kept as the snapshot "base", trained in a copy. `model` and
  /// `communicator` must outlive this object.
  FineTuning(const Transformer& model, const at::Tensor& base, const TrainOptions& options, Communicator& communicator);

  // Before the first phase. `key` names the plugin's table; `phases` in which it acts, empty: all.
  void add(std::string key, std::unique_ptr<Regularizer> regularizer, std::vector<std::string> phases = {});
  void add(std::string key, std::unique_ptr<FreezeStrategy> strategy, std::vector<std::string> phases = {});
  /// Makes and adds what the configuration names. Collective for plugins that are not loaded yet.
  void add_plugins(const RunConfig& config, PluginRegistry& registry);

  /// Collective. `resumed`: the phase goes on from what load() took.
  void begin_phase(const std::string& phase, bool resumed = false);
  /// Collective. One step of the phase; see Trainer::step.
  StepReport step(const TrainingData& data, const Sampler& sampler, BatchRange range, std::int64_t total_steps) {
    return trainer_.step(data, sampler, range, total_steps);
  }
  /// Collective. After a phase's last step: lets regularizers replace the weights. The keys of those that did.
  [[nodiscard]] std::vector<std::string> replace_weights();
  /// Collective. Ends the phase; its weights become the snapshot of its name. Throws Error (plugin) if a frozen element
  /// has changed.
  void end_phase();

  /// Collective. All but the snapshot "base", which whoever made this object has. Tensors are shared, not copied.
  void save(Checkpoint& checkpoint) const;
  /// What save() wrote, in copies; then begin_phase(..., true) if it was saved within a phase.
  void load(const Checkpoint& checkpoint);

  /// What finished phases changed by low rank, in their order.
  [[nodiscard]] const std::vector<LowRankChange>& low_rank_changes() const noexcept { return changes_; }

  [[nodiscard]] Trainer& trainer() noexcept { return trainer_; }
  [[nodiscard]] const Trainer& trainer() const noexcept { return trainer_; }
  [[nodiscard]] const at::Tensor& weights() const noexcept { return weights_; }
  [[nodiscard]] SnapshotStore& snapshots() noexcept { return snapshots_; }
  [[nodiscard]] const SnapshotStore& snapshots() const noexcept { return snapshots_; }
  /// Keys of the regularizers that act in this phase, in the order of StepReport::penalties.
  [[nodiscard]] const std::vector<std::string>& acting() const noexcept { return acting_; }
  /// What trains in this phase, and the key of the strategy that chose it, "none" without one.
  [[nodiscard]] const TrainableSelection& selection() const noexcept { return selection_; }
  [[nodiscard]] const std::string& strategy() const noexcept { return strategy_; }

 private:
  template <class Plugin>
  struct Added {
    std::string key;
    std::unique_ptr<Plugin> plugin;
    std::vector<std::string> phases;
    [[nodiscard]] bool acts_in(const std::string& phase) const;
  };

  [[nodiscard]] PhaseContext context() const { return {phase_, model_, weights_, snapshots_, trainer_.examples()}; }
  void select();
  void check_frozen() const;

  const Transformer& model_;
  at::Tensor weights_;
  Communicator& communicator_;
  Trainer trainer_;
  SnapshotStore snapshots_;
  std::vector<Added<Regularizer>> regularizers_;
  std::vector<Added<FreezeStrategy>> strategies_;
  std::string phase_;
  std::vector<std::string> acting_;
  TrainableSelection selection_;
  std::string strategy_ = "none";
  std::vector<LowRankChange> changes_;    // of finished phases
  at::Tensor phase_start_;                // weights at the start of the phase
  std::optional<OptimizerState> loaded_;  // until the phase that it is of has begun
};

}  // namespace stet
