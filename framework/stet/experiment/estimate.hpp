// What an experiment will cost, from a few timed steps of every arm on this machine.
#pragma once

#include <stet/experiment/arm_cost.hpp>
#include <stet/experiment/plan.hpp>

#include <functional>

namespace stet {

struct Estimate {
  double base_seconds = 0;   ///< all base models that are left, one core
  double run_seconds = 0;    ///< all runs that are left, one core; see planned_epochs()
  double label_seconds = 0;  ///< all labels that are left, one core
  double longest_base = 0;   ///< the longest of the base models that are left
  ArmCost first;             ///< of the plan's first arm
  BaseCost first_base;       ///< of the base model of that arm
  double memory_bytes = 0;   ///< of one process, the largest
};

/// Measures every arm with a run left (the first arm always), and every kind of base once, for about `seconds` a part. `left_base`, `left_run` and `left_labels` tell
/// what is still to do.
[[nodiscard]] Estimate estimate_cost(const Plan& plan, PluginRegistry& registry, const std::function<bool(const PlannedBase&)>& left_base,
                                     const std::function<bool(const PlannedRun&)>& left_run, const std::function<bool(const PlannedLabels&)>& left_labels,
                                     double seconds = 0.25);

}  // namespace stet
