#include <stet/schedule/changed_inputs.hpp>

#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace stet {

namespace {

constexpr std::string_view plugin_prefix = "plugin ";

/// The inputs that differ. Both runs have the same likeness, so they have the same inputs by name, but for a plugin
/// that has moved into the installation or out of it.
std::vector<std::string> differences(const config::Value& now, const config::Value& then) {
  std::vector<std::string> names;
  for (const auto& [name, hash] : now.members()) {
    const config::Value* other = then.find(name);
    if (other == nullptr || !(*other == hash)) names.push_back(name);
  }
  return names;
}

bool is_done(const PlannedRun& run, const Workspace& workspace) {
  return task::finished(workspace.run_folder(run)) || workspace.finished_elsewhere(run).has_value();
}

std::string sentence(const std::string& input, std::size_t runs, const Plan& plan) {
  const std::string made = fmt::format("{} run{} made again", runs, runs == 1 ? " is" : "s are");
  if (input.starts_with(plugin_prefix)) {
    return fmt::format(
        "plugin '{}' has other bytes than when runs with these settings were finished, and the same version: {} "
        "(--trust-versions takes the finished ones)",
        input.substr(plugin_prefix.size()), made);
  }
  if (input != "data")
    return fmt::format("{} of '{}' changed since runs with these settings were finished: {}", input, plan.name, made);
  const bool own = plan.runs.front().config.data.world == WorldKind::facts;
  return fmt::format("data of '{}' changed since runs with these settings were finished: {}",
                     own ? "facts" : "entity-questions", made);
}

}  // namespace

std::vector<std::string> changed_inputs(const Plan& plan, const Workspace& workspace) {
  std::map<std::string, std::size_t> changed;
  for (const PlannedRun& run : plan.runs) {
    if (run.inputs.members().empty() || is_done(run, workspace)) continue;
    const std::optional<Workspace::Alike> alike = workspace.last_alike(run);
    if (!alike || alike->identity == run.identity) continue;
    for (const std::string& name : differences(run.inputs, alike->inputs)) ++changed[name];
  }
  std::vector<std::string> lines;
  for (const auto& [input, runs] : changed) lines.push_back(sentence(input, runs, plan));
  return lines;
}

std::size_t trust_versions(Plan& plan, const Workspace& workspace, Communicator& communicator) {
  std::string decided;  // a line a run, empty or the identity that it takes
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    for (const PlannedRun& run : plan.runs) {
      if (!run.inputs.members().empty() && !is_done(run, workspace)) {
        const std::optional<Workspace::Alike> alike = workspace.last_alike(run);
        const auto names = alike ? differences(run.inputs, alike->inputs) : std::vector<std::string>{};
        const auto of_plugin = [](const std::string& name) { return name.starts_with(plugin_prefix); };
        if (!names.empty() && std::all_of(names.begin(), names.end(), of_plugin)) decided += alike->identity;
      }
      decided += '\n';
    }
  });
  const std::vector<std::string> lines = split(communicator.broadcast_text(decided, 0), '\n');
  std::size_t trusted = 0;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    if (lines.at(i).empty()) continue;
    plan.runs[i].identity = lines[i];
    ++trusted;
  }
  return trusted;
}

}  // namespace stet
