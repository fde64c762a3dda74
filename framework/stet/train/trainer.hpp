// One data-parallel training step: batch, forward, loss, backward, reduction, penalties, clipping, AdamW.
// What this is not: the loop. Phases, evaluations and checkpoints are arranged by the room `run`.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/plugin/regularizer.hpp>
#include <stet/train/example_store.hpp>
#include <stet/train/gradient_reducer.hpp>
#include <stet/train/low_rank.hpp>
#include <stet/train/teacher_cache.hpp>
#include <stet/train/train_options.hpp>
#include <stet/train/training_data.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// A regularizer that acts in the present phase.
struct ActiveRegularizer {
  std::string name;
  Regularizer* object;
};

struct StepReport {
  double loss = 0;                ///< task loss plus all penalties
  double task_loss = 0;           ///< next-token cross-entropy, by TrainOptions::loss_mean
  std::vector<double> penalties;  ///< one a regularizer, in their order
  double gradient_norm = 0;       ///< before clipping
  double learning_rate = 0;
  std::int64_t tokens = 0;  ///< of the global batch
};

/// The optimizer's memory: moments of what trains. Part of a checkpoint.
struct OptimizerState {
  at::Tensor first, second;  ///< flat over the trainable elements alone; those of low-rank factors last
  std::int64_t step = 0;     ///< steps taken in this phase
  at::Tensor factors = {};   ///< flat A and B of low-rank parameters (low_rank.hpp); undefined if there are none
};

class Trainer {
 public:
  /// Collective. `weights`: flat, trained in place. All ranks must pass equal weights.
  Trainer(const Transformer& model, at::Tensor weights, TrainOptions options, Communicator& communicator);

  /// The sets that plugins may use beside the batch. Empty at first: whoever owns the trainer fills it.
  [[nodiscard]] ExampleStore& examples() noexcept { return examples_; }

  /// Starts a phase with a fresh optimizer. `chosen` empty: everything trains. `phase_start`: the flat weights at the
  /// start of the phase, which low-rank parameters are changes of; kept, so do not write to them. Undefined: the
  /// present weights. A phase that goes on from a checkpoint must give them, and set optimizer() afterwards. Throws
  /// Error (plugin) if the selection cannot be used (plugin/handover.hpp), Error (config) if a regularizer wants to
  /// rehearse a set that examples() lacks.
  void begin_phase(const TrainableSelection& chosen, std::vector<ActiveRegularizer> regularizers,
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
  [[nodiscard]] const std::vector<bool>& trains() const noexcept { return trains_; }
  [[nodiscard]] const ElementMasks& masks() const noexcept { return masks_; }
  /// Elements of optimizer().first. Of a masked parameter all count, of a low-rank one its factors.
  [[nodiscard]] std::int64_t trainable_elements() const noexcept { return trainable_; }
  [[nodiscard]] OptimizerState& optimizer() noexcept { return optimizer_; }
  [[nodiscard]] const OptimizerState& optimizer() const noexcept { return optimizer_; }
  [[nodiscard]] const GradientReducer& reducer() const noexcept { return reducer_; }

  /// Once, after a phase's last step: lets regularizers replace the weights (Regularizer::replace_weights). The names
  /// of those that did. Throws Error (plugin) if what it returns has another shape or type, or is not finite.
  [[nodiscard]] std::vector<std::string> replace_weights();

  /// Collective. Throws Error (communication) naming rank and tensor if the ranks' weights differ.
  void check_replicas() const;

  /// What the teachers' answers will take when `examples` were seen, by those seen so far, within
  /// train.teacher_cache_megabytes.
  [[nodiscard]] double teacher_bytes(double examples) const;

 private:
  struct Range {
    std::int64_t offset, count, state;  // of the flat buffer; `state`: offset in the moments
    bool decays;
    const std::uint8_t* mask;
  };
  struct ShardSums {
    double task = 0;
    std::vector<double> penalties;
  };

  /// What the rows of a micro-batch count for.
  struct MicroBatchShare {
    double rows, sequences;  ///< of the global batch, or rehearsed in the step
    int rehearsed;           ///< the regularizer that the sequences are for; -1: the batch itself
    bool last;               ///< the shard's last micro-batch
  };
  struct LossRows;  ///< of a micro-batch: those that something reads

  ShardSums run_shard(std::span<const TokenSequence> sequences, std::int64_t shard, double global_rows,
                      double global_sequences, const at::Tensor& gradient, bool last_shard);
  void micro_batch(std::span<const TokenSequence> sequences, const MicroBatchShare& share, const at::Tensor& gradient,
                   ShardSums& sums);
  [[nodiscard]] LossRows rows_of(const PackedBatch& batch, const MicroBatchShare& share) const;
  [[nodiscard]] double task_loss(const LossRows& rows, const at::Tensor& logits, at::Tensor& d_logits) const;
  [[nodiscard]] at::Tensor output_penalties(const PackedBatch& batch, const LossRows& rows,
                                            const MicroBatchShare& share, const at::Tensor& hidden,
                                            const at::Tensor& logits, at::Tensor& d_logits, ShardSums& sums);
  /// Penalties by weights, the optimizer, after_step.
  void update(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps);
  template <class Call>
  decltype(auto) hook(const ActiveRegularizer& regularizer, const char* name, Call&& call) const {
    return guarded(communicator_.recorder(), "regularizer", regularizer.name, name, std::forward<Call>(call));
  }
  [[nodiscard]] std::string who_is_not_finite() const;
  [[nodiscard]] WeightContext weight_context(const at::Tensor& gradient) const;
  void apply(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps);
  void apply_low_rank(const at::Tensor& factor_gradient, double rate, double scale);

  const Transformer& model_;
  at::Tensor weights_;
  TrainOptions options_;
  Communicator& communicator_;
  GradientReducer reducer_;
  ExampleStore examples_;
  Activations activations_;

  std::vector<bool> trains_;
  ElementMasks masks_;
  std::vector<Range> ranges_;
  LowRankUpdates low_rank_;
  std::int64_t trainable_ = 0;
  OptimizerState optimizer_;
  std::vector<ActiveRegularizer> regularizers_;
  /// Where a regularizer acts: asked once a phase, through the guard.
  struct Acting {
    Site site = Site::weights;
    RowScope scope = RowScope::answer;
    std::optional<Rehearsal> rehearsal;
  };
  std::vector<Acting> acting_;  // one a regularizer
  bool all_rows_ = false;       // some regularizer reads every position
  const Snapshots* snapshots_ = nullptr;
  std::map<std::pair<std::string, bool>, std::unique_ptr<TeacherCache>> teachers_;
};

}  // namespace stet
