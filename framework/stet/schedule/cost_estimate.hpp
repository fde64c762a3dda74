// What an experiment will cost, from a few timed steps of every arm on this machine.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/schedule/arm_cost.hpp>
#include <stet/schedule/work_left.hpp>

#include <functional>
#include <vector>

namespace stet {

struct CostEstimate {
  std::vector<WorkLeft> left;  ///< [plan.bases] processor seconds; see planned_epochs()
  ArmCost first;               ///< of the plan's first arm
  BaseCost first_base;         ///< of the base model of that arm
  double memory_bytes = 0;     ///< of one process, the largest
};

/// Measures every arm with a run left (the first arm always), and every kind of base once, for about `seconds` a part.
/// `left_base`, `left_run` and `left_labels` tell what is still to do.
[[nodiscard]] CostEstimate estimate_cost(const Plan& plan, PluginRegistry& registry,
                                         const std::function<bool(const PlannedBase&)>& left_base,
                                         const std::function<bool(const PlannedRun&)>& left_run,
                                         const std::function<bool(const PlannedLabels&)>& left_labels,
                                         double seconds = 0.25);

}  // namespace stet
