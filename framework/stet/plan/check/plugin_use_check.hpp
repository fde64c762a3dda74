// The plugins of an arm, asked before anything trains whether they can do what the file wants of them.
#pragma once

#include <stet/plan/run_config.hpp>
#include <stet/plugin/registry.hpp>

#include <string>

namespace stet {

/// The model of an arm as far as it is known.
struct KnownModel {
  const ModelConfig& shape;  ///< completed
  bool vocabulary_known;     ///< false: shape.vocabulary is a stand-in
};

/// Makes every plugin that the arm uses and calls its check(). Throws Error (config, or plugin for an exception of
/// another type) that names arm and plugin, placed in the file. Not collective.
void check_uses(const std::string& arm, const RunConfig& config, const KnownModel& model, PluginRegistry& registry);

}  // namespace stet
