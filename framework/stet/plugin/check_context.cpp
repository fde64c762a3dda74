#include <stet/plugin/check_context.hpp>

#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

Error CheckContext::error(const std::string& key, const std::string& message) const {
  const config::Value* value = written.find(key);
  return config::error_at(value != nullptr ? *value : written, fmt::format("{}.{}: {}", owner, key, message));
}

void CheckContext::require_snapshot(const std::string& key, const std::string& name, Need need) const {
  std::vector<std::string> known = {"base"};
  std::vector<std::string> all = {"base"};
  for (const Phase& phase : phases) all.push_back(phase.name);
  for (const Phase& phase : phases) {
    if (need == Need::some_phase) known.push_back(phase.name);
    if (phase.acts) {
      const bool there = std::find(known.begin(), known.end(), name) != known.end();
      if (there && need != Need::every_phase) return;
      if (!there && need != Need::some_phase) {
        Error wrong = error(key, fmt::format("there is no snapshot '{}' when phase '{}' begins", name, phase.name));
        wrong.expected("one of: " + join(known, ", ")).received(name);
        const bool later = std::find(all.begin(), all.end(), name) != all.end();
        throw wrong.hint(
            later
                ? fmt::format("a phase's snapshot is made at its end; list the phases after '{}': phases = [...]", name)
                : suggestion(name, all));
      }
    }
    if (need != Need::some_phase) known.push_back(phase.name);
  }
  const bool acts = std::any_of(phases.begin(), phases.end(), [](const Phase& phase) { return phase.acts; });
  if (need != Need::some_phase || !acts) return;
  throw error(key, fmt::format("there is no snapshot '{}' in any phase in which it would be used", name))
      .expected("one of: " + join(all, ", ") + ", made no later than the last phase that is measured")
      .received(name)
      .hint(suggestion(name, all));
}

void CheckContext::require(const std::string& key, const std::string& name, bool facts_alone) const {
  std::vector<std::string> known;
  for (const Set& set : sets) {
    if (facts_alone && !set.facts) continue;
    if (set.name != name) {
      known.push_back(set.name);
      continue;
    }
    if (set.size != 0) return;
    throw error(key, fmt::format("the set '{}' is empty", name)).hint(set.facts ? "set sets." + name : "");
  }
  throw error(key, fmt::format("there is no {} '{}'", facts_alone ? "fact set" : "set of examples", name))
      .expected("one of: " + join(known, ", "))
      .received(name)
      .hint(suggestion(name, known));
}

void CheckContext::require_fact_set(const std::string& key, const std::string& name) const { require(key, name, true); }
void CheckContext::require_examples(const std::string& key, const std::string& name) const {
  require(key, name, false);
}

void CheckContext::require_layer(const std::string& key, std::int64_t layer) const {
  if (layer <= model.layers) return;
  throw error(key, fmt::format("the model has no layer {}", layer))
      .expected(fmt::format("0 (embedding) to {}, or -1 for the middle one", model.layers))
      .received(std::to_string(layer));
}

}  // namespace stet
