// One data-parallel training step: this rank's part of the batch, its loss and gradient (batch_loss.hpp), the reduction
// over ranks, penalties of weights, the update (weight_update.hpp).
// What this is not: the loop. Phases, evaluations and checkpoints are arranged by the room `run`.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/data/sampler.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/regularizer.hpp>
#include <stet/train/batch_loss.hpp>
#include <stet/train/example_store.hpp>
#include <stet/train/gradient_reducer.hpp>
#include <stet/train/phase_regularizers.hpp>
#include <stet/train/train_options.hpp>
#include <stet/train/training_data.hpp>
#include <stet/train/weight_update.hpp>

#include <string>
#include <vector>

namespace stet {

struct StepReport {
  double loss = 0;                ///< task loss plus all penalties
  double task_loss = 0;           ///< next-token cross-entropy, by TrainOptions::loss_mean
  std::vector<double> penalties;  ///< one a regularizer, in their order
  double gradient_norm = 0;       ///< before clipping
  double learning_rate = 0;
  std::int64_t tokens = 0;             ///< of the global batch
  std::vector<std::uint64_t> samples;  ///< of the global batch, by their index in the data; with log_samples alone
};

class Trainer {
 public:
  /// Collective. `weights`: flat, trained in place. All ranks must pass equal weights.
  Trainer(const Transformer& model, at::Tensor weights, TrainOptions options, Communicator& communicator);

  /// The sets that plugins may use beside the batch. Empty at first: whoever owns the trainer fills it.
  [[nodiscard]] ExampleStore& examples() noexcept { return examples_; }
  [[nodiscard]] const ExampleStore& examples() const noexcept { return examples_; }

  /// Starts a phase with a fresh optimizer. `chosen` empty: everything trains. `phase_start`: the flat weights at the
  /// start of the phase, which low-rank parameters are changes of; kept, so do not write to them. Undefined: the
  /// present weights. A phase that goes on from a checkpoint must give them, and set optimizer() afterwards. Throws
  /// Error (plugin) if the selection cannot be used (plugin/handover.hpp), Error (config) if a regularizer wants to
  /// rehearse a set that examples() lacks.
  void begin_phase(const TrainableSelection& chosen, const std::vector<ActiveRegularizer>& regularizers,
                   const Snapshots& snapshots, const at::Tensor& phase_start = {});

  /// Collective. Trains on the sequences at `range` of the sampler's order. `total_steps` of the phase, for the
  /// schedule. Throws Error (numerical) if the loss or the gradient is not finite; the weights are then those before
  /// the step, and the regularizer whose term it is is named. Throws Error (plugin) if a regularizer hands over what
  /// handover.hpp refuses, or has written what it may only read: found in every step where libtorch wrote, else in a
  /// phase's first step and each TrainOptions::replica_check_steps. What fails on one rank, a plugin's hook or a
  /// sequence that is too long, all ranks throw, and may go on with other work.
  StepReport step(const TrainingData& data, const Sampler& sampler, BatchRange range, std::int64_t total_steps);

  [[nodiscard]] const at::Tensor& weights() const noexcept { return weights_; }
  [[nodiscard]] const TrainOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::vector<bool>& trains() const noexcept { return update_.trains(); }
  [[nodiscard]] const ElementMasks& masks() const noexcept { return update_.masks(); }
  /// Elements of optimizer().first. Of a masked parameter all count, of a low-rank one its factors.
  [[nodiscard]] std::int64_t trainable_elements() const noexcept { return update_.elements(); }
  [[nodiscard]] OptimizerState& optimizer() noexcept { return update_.optimizer(); }
  [[nodiscard]] const OptimizerState& optimizer() const noexcept { return update_.optimizer(); }
  /// As WeightUpdate::low_rank_changes.
  [[nodiscard]] std::vector<LowRankChange> low_rank_changes() const { return update_.low_rank_changes(); }
  [[nodiscard]] const GradientReducer& reducer() const noexcept { return reducer_; }

  /// Once, after a phase's last step: lets regularizers replace the weights (Regularizer::replace_weights). The names
  /// of those that did. Throws Error (plugin) if what it returns has another shape or type, or is not finite.
  [[nodiscard]] std::vector<std::string> replace_weights();

  /// Collective. Throws Error (communication) naming rank and tensor if the ranks' weights differ.
  void check_replicas() const;

  /// What the teachers' answers will take when `examples` were seen, by those seen so far, within
  /// train.teacher_cache_megabytes.
  [[nodiscard]] double teacher_bytes(double examples) const { return loss_.teacher_bytes(examples); }

 private:
  /// Penalties by weights, the optimizer, after_step.
  void update(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps);
  void refuse_unless_finite(const StepReport& report) const;
  [[nodiscard]] std::string who_is_not_finite() const;
  [[nodiscard]] WeightContext weight_context(const at::Tensor& gradient) const;

  const Transformer& model_;
  at::Tensor weights_;
  TrainOptions options_;
  Communicator& communicator_;
  GradientReducer reducer_;
  ExampleStore examples_;
  PhaseRegularizers regularizers_;
  BatchLoss loss_;
  WeightUpdate update_;
  const Snapshots* snapshots_ = nullptr;
};

}  // namespace stet
