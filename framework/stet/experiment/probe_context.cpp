#include <stet/experiment/probe_context.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace stet {

namespace {

const EvaluationSet& find_set(std::span<const EvaluationSet> sets, const std::string& name) {
  std::vector<std::string> names;
  for (const EvaluationSet& set : sets) {
    if (set.name == name) return set;
    names.push_back(set.name);
  }
  throw Error(ErrorKind::config, "a probe asks for the set '" + name + "', which is none of those in ProbeContext::sets")
      .hint(suggestion(name, names));
}

}  // namespace

ProbeContext make_probe_context(const Transformer& model, const at::Tensor& weights, const Snapshots& snapshots,
                                std::span<const EvaluationSet> sets, const Examples& examples) {
  ProbeContext context{model, weights, snapshots, {}, {}, examples};
  for (const EvaluationSet& set : sets) context.sets.push_back(set.name);
  context.hidden_states = [&model, sets](const std::string& set, const at::Tensor& under, ProbePosition position, std::size_t limit) {
    return hidden_states(model, under, find_set(sets, set), position, limit);
  };
  context.neurons = [&model, sets](const std::string& set, const at::Tensor& under, ProbePosition position, std::size_t limit) {
    return neurons(model, under, find_set(sets, set), position, limit);
  };
  context.facts = [sets](const std::string& set) { return probe_facts(find_set(sets, set)); };
  return context;
}

std::string wrong_with(const FactMeasurement& measured, std::span<const EvaluationSet> sets) {
  const std::string place = fmt::format("per-fact measurement '{}', set '{}'", measured.name, measured.set);
  if (measured.name.empty() || measured.name.find_first_of(",/\"\n") != std::string::npos ||
      fmt::format(".{}.", measured.name).find(".extra.") != std::string::npos) {
    return place + ": the name is empty, has a comma, slash, quote or line break, or a part 'extra'";
  }
  const auto set = std::find_if(sets.begin(), sets.end(), [&](const EvaluationSet& one) { return one.name == measured.set; });
  if (set == sets.end()) return place + ": there is no such fact set";
  if (measured.values.size() != set->facts.size()) {
    return place + fmt::format(": {} values for {} facts; a probe that looks at some facts alone must record none", measured.values.size(), set->facts.size());
  }
  for (const float value : measured.values) {
    if (!std::isfinite(value)) return place + fmt::format(": a value is {}", value);
  }
  return "";
}

}  // namespace stet
