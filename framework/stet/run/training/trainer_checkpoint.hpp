// The trainer's part of a checkpoint.
#pragma once

#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/model/low_rank_change.hpp>
#include <stet/train/trainer.hpp>

#include <span>
#include <vector>

namespace stet {

/// Weights, moments, low-rank factors and the optimizer's step. Tensors are shared, not copied.
void save_trainer(const Trainer& trainer, const at::Tensor& weights, Checkpoint& checkpoint);

/// Copies the weights into `weights`, and gives back the optimizer's state, in tensors of its own.
[[nodiscard]] OptimizerState load_trainer(const Checkpoint& checkpoint, at::Tensor& weights);

/// Low-rank changes of finished phases.
void save_changes(std::span<const LowRankChange> changes, Checkpoint& checkpoint);
/// Copies, in the order in which they were saved; none from a checkpoint of an older stet.
[[nodiscard]] std::vector<LowRankChange> load_changes(const Checkpoint& checkpoint);

}  // namespace stet
