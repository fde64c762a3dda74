#include <stet/schedule/cost_estimate.hpp>

#include <stet/base/error.hpp>
#include <stet/config/document.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace stet {

namespace {

/// What was measured under the key, measured now if it was not.
template <class Cost, class MeasureIt>
const Cost& measured_once(std::map<std::string, Cost>& measured, const std::string& key, MeasureIt measure) {
  const auto found = measured.find(key);
  return found != measured.end() ? found->second : measured.emplace(key, measure()).first->second;
}

}  // namespace

CostEstimate estimate_cost(const Plan& plan, PluginRegistry& registry,
                           const std::function<bool(const std::string& identity)>& left, double seconds) {
  STET_ASSERT(!plan.runs.empty());
  std::map<std::string, ArmCost> arms;
  std::map<std::string, BaseCost> kinds;  // bases that differ by their index alone cost the same
  const auto arm_of = [&](const PlannedRun& run) -> const ArmCost& {
    return measured_once(arms, run.arm, [&] { return measure_arm(run, registry, seconds); });
  };
  const auto base_of = [&](const PlannedRun& run) -> const BaseCost& {
    return measured_once(kinds, config::config_hash(base_identity_of(run.config)),
                         [&] { return measure_base(run.config, seconds); });
  };
  CostEstimate estimate;
  const auto remember = [&estimate](const RunConfig& config, const BaseCost& base, const ArmCost& arm) {
    const double weights = static_cast<double>(base.parameters) * 4;
    // Weights, moments, the phase's start and a snapshot once more while a checkpoint is written; on one rank all of
    // it.
    const double copy = config.checkpoint.asynchronous ? 5 * weights : 0;
    // The phase's start, and the gradients that wait in the tree of micro-shards.
    const double waiting = std::log2(static_cast<double>(std::max<std::int64_t>(1, config.train.micro_shards)));
    // What does not train has neither moments nor, beside low-rank changes, gradients; where a base is pre-trained, its
    // own training holds all of both.
    const double frozen = static_cast<double>(base.parameters - arm.moment_elements) * 4,
                 without = static_cast<double>(base.parameters - arm.gradient_elements) * 4;
    const double spared =
        config.base.given() ? (1 + waiting) * without + (config.checkpoint.asynchronous ? 4 : 2) * frozen : 0;
    estimate.memory_bytes = std::max(estimate.memory_bytes,
                                     base.memory_bytes + arm.snapshot_bytes + copy + (1 + waiting) * weights - spared);
  };
  estimate.first = arm_of(plan.runs.front());
  estimate.first_base = base_of(plan.runs.front());
  remember(plan.runs.front().config, estimate.first_base, estimate.first);
  estimate.left.resize(plan.bases.size());
  for (const PlannedRun& run : plan.runs) {
    if (!left(run.identity)) continue;
    const ArmCost& arm = arm_of(run);
    const BaseCost& base = base_of(run);
    estimate.left[run.base].runs.push_back(arm.run_seconds);
    if (left(plan.bases[run.base].identity)) estimate.left[run.base].base = base.seconds;
    remember(run.config, base, arm);
  }
  std::map<std::string, double> labels;  // as bases: those that differ by the base alone cost the same
  for (const PlannedLabels& one : plan.labels) {
    if (!left(one.identity)) continue;
    const std::string kind =
        config::config_hash(base_identity_of(one.config)) + config::config_hash(labels_identity_of(one.config));
    estimate.left[one.base].labels += measured_once(labels, kind, [&] { return measure_labels(one.config); });
  }
  return estimate;
}

CostEstimate estimate_cost(const Plan& plan, const Workspace& workspace, PluginRegistry& registry) {
  std::set<std::string> left;
  for (const PlannedTask& task : workspace.tasks(plan)) {
    if (!task::finished(task.folder) && (task.run == nullptr || !workspace.finished_elsewhere(*task.run)))
      left.insert(task.identity);
  }
  return estimate_cost(plan, registry, [&left](const std::string& identity) { return left.contains(identity); });
}

}  // namespace stet
