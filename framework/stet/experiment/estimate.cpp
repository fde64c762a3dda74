#include <stet/experiment/estimate.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <map>

namespace stet {

Estimate estimate_cost(const Plan& plan, PluginRegistry& registry, const std::function<bool(const PlannedBase&)>& left_base,
                       const std::function<bool(const PlannedRun&)>& left_run, double seconds) {
  STET_ASSERT(!plan.runs.empty());
  std::map<std::string, ArmCost> arms;
  std::map<std::size_t, double> bases;
  const auto cost_of = [&](const PlannedRun& run) -> const ArmCost& {
    const auto found = arms.find(run.arm);
    if (found != arms.end()) return found->second;
    return arms.emplace(run.arm, measure_arm(run, registry, seconds)).first->second;
  };
  Estimate estimate;
  estimate.first = cost_of(plan.runs.front());
  estimate.memory_bytes = estimate.first.memory_bytes;
  for (const PlannedRun& run : plan.runs) {
    if (!left_run(run)) continue;
    const ArmCost& cost = cost_of(run);
    estimate.run_seconds += cost.run_seconds;
    estimate.memory_bytes = std::max(estimate.memory_bytes, cost.memory_bytes);
    bases.emplace(run.base, cost.base_seconds);
  }
  for (const auto& [base, cost] : bases) {
    if (!left_base(plan.bases[base])) continue;
    estimate.base_seconds += cost;
    estimate.longest_base = std::max(estimate.longest_base, cost);
  }
  return estimate;
}

}  // namespace stet
