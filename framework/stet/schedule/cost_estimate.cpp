#include <stet/schedule/cost_estimate.hpp>

#include <stet/base/error.hpp>
#include <stet/config/document.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>
#include <vector>

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
                           const std::function<bool(const PlannedBase&)>& left_base,
                           const std::function<bool(const PlannedRun&)>& left_run,
                           const std::function<bool(const PlannedLabels&)>& left_labels, double seconds) {
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
  const auto remember = [&estimate](const BaseCost& base, const ArmCost& arm) {
    estimate.memory_bytes = std::max(estimate.memory_bytes, base.memory_bytes + arm.snapshot_bytes);
  };
  estimate.first = arm_of(plan.runs.front());
  estimate.first_base = base_of(plan.runs.front());
  remember(estimate.first_base, estimate.first);
  std::map<std::size_t, double> bases;
  estimate.by_base.resize(plan.bases.size());
  for (const PlannedRun& run : plan.runs) {
    if (!left_run(run)) continue;
    const ArmCost& arm = arm_of(run);
    const BaseCost& base = base_of(run);
    estimate.run_seconds += arm.run_seconds;
    estimate.by_base[run.base].runs.push_back(arm.run_seconds);
    remember(base, arm);
    bases.emplace(run.base, base.seconds);
  }
  for (const auto& [base, seconds_of_it] : bases) {
    if (!left_base(plan.bases[base])) continue;
    estimate.base_seconds += seconds_of_it;
    estimate.by_base[base].base = seconds_of_it;
    estimate.longest_base = std::max(estimate.longest_base, seconds_of_it);
  }
  std::map<std::string, double> labels;  // as bases: those that differ by the base alone cost the same
  for (const PlannedLabels& one : plan.labels) {
    if (!left_labels(one)) continue;
    const std::string kind =
        config::config_hash(base_identity_of(one.config)) + config::config_hash(labels_identity_of(one.config));
    const double seconds_of_them = measured_once(labels, kind, [&] { return measure_labels(one.config); });
    estimate.label_seconds += seconds_of_them;
    estimate.by_base[one.base].labels += seconds_of_them;
  }
  return estimate;
}

double elapsed_work(const CostEstimate& estimate) {
  return estimate.base_seconds + estimate.label_seconds + estimate.run_seconds;
}

double elapsed_seconds(const CostEstimate& estimate, int workers) {
  STET_ASSERT(workers > 0);
  std::priority_queue<double, std::vector<double>, std::greater<>> free;  // when each worker is
  for (int i = 0; i < workers; ++i) free.push(0);
  double end = 0;
  const auto work = [&](double from, double seconds) {
    const double start = std::max(from, free.top());
    free.pop();
    free.push(start + seconds);
    end = std::max(end, start + seconds);
    return start + seconds;
  };
  std::vector<std::pair<double, const CostEstimate::OfBase*>> ready;  // when what stands on a base can begin
  for (const CostEstimate::OfBase& of : estimate.by_base) ready.emplace_back(of.base > 0 ? work(0, of.base) : 0, &of);
  const auto in_order = [&ready] {
    std::stable_sort(ready.begin(), ready.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  };
  in_order();
  for (auto& [from, of] : ready) {
    if (of->labels > 0) from = work(from, of->labels);
  }
  in_order();
  for (const auto& [from, of] : ready) {
    for (const double seconds : of->runs) static_cast<void>(work(from, seconds));
  }
  return end;
}

}  // namespace stet
