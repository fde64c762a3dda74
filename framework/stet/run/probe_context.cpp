#include <stet/run/probe_context.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/handover.hpp>

#include <algorithm>

namespace stet {

namespace {

const TokenizedSet& find_set(std::span<const TokenizedSet> sets, const std::string& name) {
  std::vector<std::string> names;
  for (const TokenizedSet& set : sets) {
    if (set.name == name) return set;
    names.push_back(set.name);
  }
  throw Error(ErrorKind::config,
              "a probe asks for the set '" + name + "', which is none of those in ProbeContext::sets")
      .hint(suggestion(name, names));
}

}  // namespace

ProbeContext make_probe_context(const Transformer& model, const at::Tensor& weights, const Snapshots& snapshots,
                                std::span<const TokenizedSet> sets, const Examples& examples) {
  ProbeContext context{model, weights, snapshots, {}, {}, examples};
  for (const TokenizedSet& set : sets) context.sets.push_back(set.name);
  context.hidden_states = [&model, sets](const std::string& set, const at::Tensor& under, ProbePosition position,
                                         std::size_t limit) {
    return hidden_states(model, under, find_set(sets, set), position, limit);
  };
  context.neurons = [&model, sets](const std::string& set, const at::Tensor& under, ProbePosition position,
                                   std::size_t limit) {
    return neurons(model, under, find_set(sets, set), position, limit);
  };
  context.facts = [sets](const std::string& set) { return probe_facts(find_set(sets, set)); };
  return context;
}

std::string wrong_with(std::span<const Measurement> measured, const ProbeContext& context) {
  return wrong_with_measurements(measured, context.sets, context.examples.sets(), context.model.config().layers);
}

std::string wrong_with(std::span<const FactMeasurement> measured, std::span<const TokenizedSet> sets) {
  return wrong_with_fact_measurements(measured, [&](const std::string& name) -> std::optional<std::size_t> {
    const auto set = std::find_if(sets.begin(), sets.end(), [&](const TokenizedSet& one) { return one.name == name; });
    return set == sets.end() ? std::nullopt : std::optional(set->facts.size());
  });
}

}  // namespace stet
