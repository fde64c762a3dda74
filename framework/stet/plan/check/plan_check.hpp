// Everything that an experiment file alone decides, checked before the first step.
#pragma once

#include <stet/plan/plan.hpp>

#include <string>
#include <vector>

namespace stet {

/// Throws Error (config), placed in the file where possible, for what would fail, or mean nothing, only after something
/// was trained: a model that cannot be built, micro-shards that make no tree or that `ranks` (which train one run
/// together) do not divide, a warm-up or a cosine that its phase is too short for, sets larger than the world or longer
/// than the context (as if the base knew everything; a tokenizer is not trained for this), names too long for a folder,
/// what a plugin's check() refuses, and tables that read what no run records. Throws Error (data) for a world whose
/// files cannot be read. Returns what the worlds have to say of their data (World::notes()). Without `draw_sets` sets
/// may be of any size: who asks what a model knows does not know yet how large they can be. Starts nothing; not
/// collective. Plugins must be loaded (make_plan has done so).
[[nodiscard]] std::vector<std::string> check_plan(const Plan& plan, PluginRegistry& registry, int ranks,
                                                  bool draw_sets = true);

}  // namespace stet
