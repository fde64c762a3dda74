// What a run takes from probes, and what it notes of regularizers that do nothing.
#include <stet/run/run_executor.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/run/probe_context.hpp>
#include <stet/plugin/handover.hpp>

#include <algorithm>

namespace stet {

std::vector<Measurement> RunExecutor::measured(Probe& probe, const ProbeContext& context) const {
  const Lent values(weights_, true);
  std::vector<Lent> snapshots;
  for (const auto& [name, weights] : snapshots_.all()) snapshots.emplace_back(weights, false);
  std::vector<Measurement> result = probe.measure(context);
  values.refuse_write("the weights");
  for (const Lent& snapshot : snapshots) snapshot.refuse_write("a snapshot");
  refuse_if(wrong_with(result, context), "finite values; names without comma, quote or line break; sets and layers that exist, each once");
  return result;
}

std::vector<FactMeasurement> RunExecutor::measured_facts(Probe& probe, const ProbeContext& context) const {
  const Lent values(weights_, true);
  std::vector<FactMeasurement> result = probe.measure_facts(context);
  values.refuse_write("the weights");
  refuse_if(wrong_with(result, sets_), "finite values, one for every fact of a set in ProbeContext::sets, each name and set once");
  return result;
}

void RunExecutor::note_acting(const StepReport& report) {
  const std::string& phase = run_.config.phases[state_.phase].name;
  std::size_t i = 0;
  for (const Instance& instance : regularizers_) {
    if (instance.use->acts_in(phase) && report.penalties[i++] != 0) state_.acted.insert(instance.use->key);
  }
}

void RunExecutor::warn_of_silence() {
  for (const Instance& instance : regularizers_) {
    const PluginUse& use = *instance.use;
    const auto acts = [&](const PhaseConfig& phase) { return use.acts_in(phase.name); };
    if (state_.acted.contains(use.key) || std::none_of(run_.config.phases.begin(), run_.config.phases.end(), acts)) continue;
    const Offer<Regularizer>& offer = registry_.regularizer(use.plugin);
    if (is_off(offer, offer.resolve(use.parameters))) continue;
    const std::string warning = fmt::format("regularizer '{}': its term was 0 in every step, and it replaced no weights: the run trained as if without it", use.key);
    manifest_ += "warning: " + warning + "\n";
    log::warning("arm {}, seed {}: {}; do its phases train on the sets that it is for?", run_.arm, run_.seed, warning);
  }
}

}  // namespace stet
