// What trains, and how a gradient changes it: selection and masks, clipping, AdamW, low-rank factors. Knows no
// regularizers, batches or ranks: the gradient that comes in is the whole batch's.
#pragma once

#include <stet/model/parameters.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/train/low_rank.hpp>
#include <stet/train/train_options.hpp>

#include <cstdint>
#include <vector>

namespace stet {

/// The optimizer's memory: moments of what trains. Part of a checkpoint.
struct OptimizerState {
  at::Tensor first, second;  ///< flat over the trainable elements alone; those of low-rank factors last
  std::int64_t step = 0;     ///< steps taken in this phase
  at::Tensor factors = {};   ///< flat A and B of low-rank parameters (low_rank.hpp); undefined if there are none
};

class WeightUpdate {
 public:
  /// `weights`: flat, changed in place. The table and the options must outlive this object.
  WeightUpdate(const ParameterTable& table, at::Tensor weights, const TrainOptions& options);

  /// A fresh optimizer for what `chosen` says; empty: everything trains. `phase_start` as in Trainer::begin_phase;
  /// `seed` of the factors' first values; `dense`: gradients of whole matrices are wanted where factors would do.
  /// Throws Error (plugin) for a selection that cannot be used.
  void begin_phase(const TrainableSelection& chosen, const at::Tensor& phase_start, std::uint64_t seed, bool dense);

  /// Of the gradients that are handed in.
  [[nodiscard]] const GradientLayout& layout() const noexcept { return layout_; }

  [[nodiscard]] const std::vector<bool>& trains() const noexcept { return trains_; }
  [[nodiscard]] const ElementMasks& masks() const noexcept { return masks_; }
  [[nodiscard]] std::int64_t elements() const noexcept { return trainable_; }  ///< of OptimizerState::first
  [[nodiscard]] OptimizerState& optimizer() noexcept { return optimizer_; }
  [[nodiscard]] const OptimizerState& optimizer() const noexcept { return optimizer_; }

  /// What low-rank parameters have become since the phase began; empty without any. Copies.
  [[nodiscard]] std::vector<LowRankChange> low_rank_changes() const;

  /// Sets what is masked to 0 in the flat gradient, and projects it to the factors. The norm of what trains.
  [[nodiscard]] double prepare(const at::Tensor& gradient);
  /// One step of AdamW on the prepared gradient, which counts with `scale` (clipping).
  void apply(const at::Tensor& gradient, double rate, double scale);

 private:
  struct Range {
    std::int64_t offset, gradient, count, state;  // of the flat weights; in the gradient and in the moments
    bool decays;
    const std::uint8_t* mask;
  };
  void select_ranges(const TrainableSelection& selection);

  const ParameterTable& table_;
  at::Tensor weights_;
  const TrainOptions& options_;
  std::vector<bool> trains_;
  ElementMasks masks_;
  std::vector<Range> ranges_;
  LowRankUpdates low_rank_;
  GradientLayout layout_;
  at::Tensor factor_gradient_;  // flat, as OptimizerState::factors
  std::int64_t trainable_ = 0;
  OptimizerState optimizer_;
};

}  // namespace stet
