#include <stet/run/run_probes.hpp>

#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/run/probe_context.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {
/// Names that a plugin gives, for who reads the file in a spreadsheet.
std::string cell(const std::string& text) { return csv_field(spreadsheet_text(text)); }
}  // namespace

RunProbes::RunProbes(const PlannedRun& run, const Transformer& model, const at::Tensor& weights,
                     PluginRegistry& registry, Communicator& communicator)
    : run_(run), model_(model), weights_(weights), communicator_(communicator) {
  for (const PluginUse& use : run.config.probes) {
    const Offer<Probe>& offer = registry.probe(use.plugin);
    probes_.emplace_back(&use, guarded(communicator_.recorder(), "probe", use.key, "create",
                                       [&] { return offer.create(use.parameters); }));
  }
}

void RunProbes::measure(RunState& state, float epoch, bool at_end, const SnapshotStore& snapshots,
                        std::span<const TokenizedSet> sets, Trainer& trainer) {
  if (probes_.empty()) return;
  const std::string& phase = run_.config.phases[state.phase].name;
  ProbeContext context = make_probe_context(model_, weights_, snapshots, sets, trainer.examples());
  context.phase = phase;
  context.epoch = epoch;
  context.trains = trainer.trains();
  context.masks = trainer.masks();
  context.phase_end = at_end;
  const auto acts_between = [&](const PluginUse& use, auto begin, auto end) {  // in any of these phases
    return std::any_of(
        begin, end, [&](std::int32_t p) { return use.acts_in(run_.config.phases[static_cast<std::size_t>(p)].name); });
  };
  std::vector<std::int32_t> later;
  for (std::size_t p = state.phase + 1; p < run_.config.phases.size(); ++p)
    later.push_back(static_cast<std::int32_t>(p));
  const std::vector<std::int32_t>& evaluated = state.outcomes.phase;  // this evaluation is the last of them
  collectively(communicator_, [&] {
    for (auto& [use, probe] : probes_) {
      if (!use->acts_in(phase)) continue;
      context.first = !acts_between(*use, evaluated.begin(), evaluated.end() - 1);
      context.last = context.phase_end && !acts_between(*use, later.begin(), later.end());
      const auto hook = [&, &key = use->key](const char* name, const auto& call) {
        return guarded(communicator_.recorder(), "probe", key, name, call);
      };
      for (const Measurement& m :
           hook("measure", [&, &probe = probe] { return measured(*probe, context, snapshots); })) {
        state.measurements.push_back(fmt::format("{},{},{},{},{},{},{},{:.9g}", cell(use->key), cell(m.name),
                                                 cell(m.set), m.layer, state.step, cell(phase), epoch, m.value));
      }
      for (const FactMeasurement& m :
           hook("measure_facts", [&, &probe = probe] { return measured_facts(*probe, context, sets); })) {
        state.record_facts(m.set, use->key + "." + m.name, m.values);
      }
    }
  });
  state.complete_facts();
}

std::vector<Measurement> RunProbes::measured(Probe& probe, const ProbeContext& context,
                                             const SnapshotStore& snapshots) const {
  const Lent values(weights_, true);
  std::vector<Lent> lent;
  for (const auto& [name, weights] : snapshots.all()) lent.emplace_back(weights, false);
  std::vector<Measurement> result = probe.measure(context);
  values.refuse_write("the weights");
  for (const Lent& snapshot : lent) snapshot.refuse_write("a snapshot");
  refuse_if(wrong_with(result, context),
            "finite values; names without comma, quote or line break; sets and layers that exist, each once");
  return result;
}

std::vector<FactMeasurement> RunProbes::measured_facts(Probe& probe, const ProbeContext& context,
                                                       std::span<const TokenizedSet> sets) const {
  const Lent values(weights_, true);
  std::vector<FactMeasurement> result = probe.measure_facts(context);
  values.refuse_write("the weights");
  refuse_if(wrong_with(result, sets),
            "finite values, one for every fact of a set in ProbeContext::sets, each name and set once");
  return result;
}

}  // namespace stet
