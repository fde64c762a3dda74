// The alternative that the step benchmarks measure against: the same transformer and optimizer written as one would
// write them with libtorch's operators and autograd, on padded batches [B, T]. Only what a quick composition would not
// do is left out; what costs nothing to do well is done (one product for padded batches, loss rows chosen before the
// head, no grad for scoring).
#pragma once

#include <stet/data/batch.hpp>
#include <stet/model/transformer.hpp>
#include <stet/train/train_options.hpp>

#include <vector>

namespace stet::benchmarks {

class PlainModel {
 public:
  /// RMS norm, rotary positions, SwiGLU, as many key/value heads as heads, a tied head, no biases (asserted).
  PlainModel(const Transformer& model, const at::Tensor& flat);

  /// One step of AdamW on the mean cross-entropy of the batch's loss rows; returns that loss.
  double step(const PackedBatch& batch, const TrainOptions& options, double rate);

  /// [P, V] at the rows with loss.
  [[nodiscard]] at::Tensor logits(const PackedBatch& batch) const;

 private:
  struct Block {
    at::Tensor norm1, q, k, v, o, norm2, gate, up, down;
  };
  [[nodiscard]] at::Tensor normalize(const at::Tensor& x, const at::Tensor& weight) const;
  [[nodiscard]] at::Tensor heads(const at::Tensor& x, const at::Tensor& projection) const;  // [B, H, T, D]
  [[nodiscard]] at::Tensor rotated(const at::Tensor& x) const;

  ModelConfig config_;
  std::vector<at::Tensor> parameters_, first_, second_;
  at::Tensor embedding_, final_norm_, cosine_, sine_;
  std::vector<Block> blocks_;
  std::int64_t steps_ = 0;
};

}  // namespace stet::benchmarks
