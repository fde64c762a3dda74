// The loss of a rank's part of a batch and its gradient: forward, next-token cross-entropy, the terms of output
// regularizers with their teachers, backward. What this is not: the step around it (trainer.hpp), or anything that
// depends on weights alone (weight_update.hpp and add_gradient).
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/model/transformer.hpp>
#include <stet/train/example_store.hpp>
#include <stet/train/phase_regularizers.hpp>
#include <stet/train/teacher_cache.hpp>
#include <stet/train/train_options.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// What one micro-shard adds to the sums of a step.
struct LossSums {
  double task = 0;                ///< its part of the batch's cross-entropy
  std::vector<double> penalties;  ///< of output regularizers, one a regularizer
};

class BatchLoss {
 public:
  /// `weights`: flat, read at every call. What is handed in must outlive this object.
  BatchLoss(const Transformer& model, at::Tensor weights, const TrainOptions& options, const ExampleStore& examples,
            const PhaseRegularizers& regularizers, Communicator& communicator);

  /// Forgets the teachers' answers. `layout` of the gradients, and the flat factors that it speaks of, as they are at
  /// each call: both must outlive the phase.
  void begin_phase(const GradientLayout& layout, const at::Tensor& factors, const Snapshots& snapshots);

  /// Which of the step's micro-shards, and what the whole batch amounts to.
  struct Shard {
    std::uint64_t index, count;
    std::int64_t step;      ///< of the phase, counted from 0: chooses what is rehearsed
    double batch_rows;      ///< rows with task loss in the global batch
    double batch_examples;  ///< sequences of the global batch
  };
  /// Adds the shard's gradient to `gradient`, flat in that layout. `completed`, unless empty, is called during the last
  /// backward pass with ever smaller offsets at and above which the gradient is final. Throws what hooks throw, Error
  /// (data) for sequences that are too long.
  [[nodiscard]] LossSums shard(std::span<const TokenSequence> sequences, const Shard& shard, const at::Tensor& gradient,
                               const std::function<void(std::int64_t offset)>& completed);

  /// As Trainer::teacher_bytes.
  [[nodiscard]] double teacher_bytes(double examples) const;

 private:
  /// What the rows of a micro-batch count for.
  struct MicroBatchShare {
    double rows, sequences;  ///< of the global batch, or rehearsed in the step
    int rehearsed;           ///< the regularizer that the sequences are for; -1: the batch itself
    bool last;               ///< of the shard
  };
  struct LossRows;  ///< of a micro-batch: those that something reads

  void micro_batch(std::span<const TokenSequence> sequences, const MicroBatchShare& share, const at::Tensor& gradient,
                   const std::function<void(std::int64_t offset)>& completed, LossSums& sums);
  [[nodiscard]] LossRows rows_of(const PackedBatch& batch, const MicroBatchShare& share) const;
  [[nodiscard]] double task_loss(const LossRows& rows, const at::Tensor& logits, at::Tensor& d_logits) const;
  [[nodiscard]] at::Tensor output_penalties(const PackedBatch& batch, const LossRows& rows,
                                            const MicroBatchShare& share, const at::Tensor& hidden,
                                            const at::Tensor& logits, at::Tensor& d_logits, LossSums& sums);
  [[nodiscard]] at::Tensor teacher_logits(const std::string& name, const PackedBatch& batch, const LossRows& rows);

  const Transformer& model_;
  at::Tensor weights_;
  const TrainOptions& options_;
  const ExampleStore& examples_;
  const PhaseRegularizers& regularizers_;
  Communicator& communicator_;
  Activations activations_;
  const GradientLayout* layout_ = nullptr;
  const at::Tensor* factors_ = nullptr;
  const Snapshots* snapshots_ = nullptr;
  std::map<std::pair<std::string, bool>, std::unique_ptr<TeacherCache>> teachers_;  // by name and all rows
};

}  // namespace stet
