// What an experiment will cost, from a few timed steps of every arm on this machine.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/schedule/arm_cost.hpp>

#include <functional>
#include <vector>

namespace stet {

struct CostEstimate {
  double base_seconds = 0;   ///< all base models that are left, one core
  double run_seconds = 0;    ///< all runs that are left, one core; see planned_epochs()
  double label_seconds = 0;  ///< all labels that are left, one core
  double longest_base = 0;   ///< the longest of the base models that are left
  ArmCost first;             ///< of the plan's first arm
  BaseCost first_base;       ///< of the base model of that arm
  double memory_bytes = 0;   ///< of one process, the largest
  /// What is left, by the base that it stands on: tasks of one base wait for it.
  struct OfBase {
    double base = 0, labels = 0;  ///< seconds; 0: finished
    std::vector<double> runs;     ///< seconds of each
  };
  std::vector<OfBase> by_base;  ///< in the plan's order
};

/// All that is left, on one core.
[[nodiscard]] double elapsed_work(const CostEstimate& estimate);
/// How long it takes `workers` processes that take the tasks in order, each as soon as its base is there: no task can
/// be divided.
[[nodiscard]] double elapsed_seconds(const CostEstimate& estimate, int workers);

/// Measures every arm with a run left (the first arm always), and every kind of base once, for about `seconds` a part.
/// `left_base`, `left_run` and `left_labels` tell what is still to do.
[[nodiscard]] CostEstimate estimate_cost(const Plan& plan, PluginRegistry& registry,
                                         const std::function<bool(const PlannedBase&)>& left_base,
                                         const std::function<bool(const PlannedRun&)>& left_run,
                                         const std::function<bool(const PlannedLabels&)>& left_labels,
                                         double seconds = 0.25);

}  // namespace stet
