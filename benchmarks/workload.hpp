// What the step benchmarks train: the quickstart's model and data, and a wider model on random tokens.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/train/trainer.hpp>

#include <memory>
#include <string>

namespace stet::benchmarks {

struct Workload {
  std::string name;
  std::shared_ptr<const Transformer> model;
  at::Tensor weights;  ///< flat, float
  TrainOptions options;
  TrainingData data;
  TokenizedSet answers;  ///< for scoring; empty for the wider model

  /// FLOPs of the matrix products of a forward pass over `batch`, as computed: the last block's second half and the
  /// head at the rows with loss alone. A training step has three times as many.
  [[nodiscard]] double forward_flops(const PackedBatch& batch) const;
  /// The batch that a trainer takes at `position` of the sampler's order.
  [[nodiscard]] PackedBatch batch(const Sampler& sampler, BatchRange range) const;
};

/// experiments/quickstart.toml: pre-training, loss on every token but the first.
[[nodiscard]] Workload pretraining();
/// The same model on new facts, loss on the answers alone.
[[nodiscard]] Workload fine_tuning();
/// Width 384, 6 layers, 6 heads, feed-forward 1024; 16 sequences of 64 tokens out of 2048, loss on every token.
[[nodiscard]] Workload wide();

class NoSnapshots final : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override;
};

}  // namespace stet::benchmarks
