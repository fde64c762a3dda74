// What one run of an arm costs, measured: its own sets, steps with its own regularizers and probes, on random weights, for a
// fraction of a second each. Not a run: nothing is learnt or written.
#pragma once

#include <stet/experiment/plan.hpp>
#include <stet/plugin/registry.hpp>

#include <cstdint>

namespace stet {

struct ArmCost {
  double run_seconds = 0;         ///< one core; phases that end at a plateau counted in full
  double base_seconds = 0;        ///< of the base model that the run starts from
  double train_tokens_per_second = 0, pretrain_tokens_per_second = 0;
  std::int64_t parameters = 0;
  double memory_bytes = 0;        ///< of one process: weights, gradients, moments, snapshots, activations
};

/// Times parts for about `seconds` each. One process. All base facts count as known. What a fine-tuned model would decide (when a
/// plateau ends) is not known: plateau phases count in full. Throws what the run would throw for sets that cannot be drawn.
[[nodiscard]] ArmCost measure_arm(const PlannedRun& run, PluginRegistry& registry, double seconds);

}  // namespace stet
