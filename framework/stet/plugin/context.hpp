// What the engine shows to plugins of every kind.
#pragma once

#include <stet/model/parameters.hpp>
#include <stet/model/torch.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/check_context.hpp>
#include <stet/plugin/examples.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace stet {

/// Named tensors that a plugin wants to find again after a restart. They go into the checkpoint as they are.
using PluginState = std::map<std::string, at::Tensor>;

/// Element masks by index into the parameter table: uint8 of the parameter's shape, 1 trains, 0 is frozen.
using ElementMasks = std::map<std::size_t, at::Tensor>;
[[nodiscard]] const ElementMasks& no_masks() noexcept;

/// Flat weights that the engine keeps: "base" (the weights at the start of the run) and one for each finished phase,
/// under its name.
class Snapshots {
 public:
  virtual ~Snapshots() = default;
  /// 1-D, in the order of the parameter table. Throws Error (config) if there is none of this name (yet); the message
  /// lists those that exist.
  [[nodiscard]] virtual const at::Tensor& get(const std::string& name) const = 0;
};

struct PhaseContext {
  std::string phase;  ///< its name
  const Transformer& model;
  const at::Tensor& weights;  ///< flat, present values
  const Snapshots& snapshots;
  const Examples& examples;
};

}  // namespace stet
