// What an experiment will cost, from a few timed steps of every arm on this machine.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/schedule/arm_cost.hpp>
#include <stet/schedule/work_left.hpp>
#include <stet/schedule/workspace.hpp>

#include <functional>
#include <string>
#include <vector>

namespace stet {

struct CostEstimate {
  std::vector<WorkLeft> left;  ///< [plan.bases] processor seconds; see planned_epochs()
  ArmCost first;               ///< of the plan's first arm
  BaseCost first_base;         ///< of the base model of that arm
  double memory_bytes = 0;     ///< of one process, the largest
};

/// Measures every arm with a run left (the first arm always), and every kind of base once, for about `seconds` a part.
/// `left` tells of a task's identity whether it is still to do.
[[nodiscard]] CostEstimate estimate_cost(const Plan& plan, PluginRegistry& registry,
                                         const std::function<bool(const std::string& identity)>& left,
                                         double seconds = 0.25);

/// Of all that is neither finished nor to be copied from another experiment under the root.
[[nodiscard]] CostEstimate estimate_cost(const Plan& plan, const Workspace& workspace, PluginRegistry& registry);

}  // namespace stet
