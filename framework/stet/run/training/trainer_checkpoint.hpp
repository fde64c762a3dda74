// The trainer's part of a checkpoint.
#pragma once

#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/train/trainer.hpp>

namespace stet {

/// Weights, moments, low-rank factors and the optimizer's step. Tensors are shared, not copied.
void save_trainer(const Trainer& trainer, const at::Tensor& weights, Checkpoint& checkpoint);

/// Copies the weights into `weights`, and gives back the optimizer's state, in tensors of its own.
[[nodiscard]] OptimizerState load_trainer(const Checkpoint& checkpoint, at::Tensor& weights);

}  // namespace stet
