#include <stet/base/error.hpp>
#include <stet/sdk/state.hpp>

namespace stet {

PluginState state_of(std::initializer_list<std::pair<std::string, at::Tensor>> tensors) {
  PluginState state;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.defined()) state[name] = tensor;
  }
  return state;
}

at::Tensor tensor_of(const PluginState& state, const std::string& name) {
  const auto found = state.find(name);
  return found == state.end() ? at::Tensor() : found->second;
}

void require_fit(const at::Tensor& loaded, const at::Tensor& weights, const std::string& owner,
                 const std::string& name) {
  if (loaded.defined() && loaded.sizes() == weights.sizes() && loaded.scalar_type() == weights.scalar_type()) return;
  throw Error(ErrorKind::checkpoint, "the plugin's state does not fit the model")
      .at(owner)
      .expected(fmt::format("'{}': {} elements of the weights' type", name, weights.numel()))
      .received(loaded.defined() ? fmt::format("{} elements", loaded.numel()) : "none")
      .hint("start the run anew");
}

}  // namespace stet
