// What a plugin saves and finds again after a restart.
#pragma once

#include <stet/plugin/context.hpp>

#include <initializer_list>
#include <string>
#include <utility>

namespace stet {

/// For save(): those of the tensors that are defined, under their names.
[[nodiscard]] PluginState state_of(std::initializer_list<std::pair<std::string, at::Tensor>> tensors);
/// For load(): the tensor of this name; undefined if the state has none.
[[nodiscard]] at::Tensor tensor_of(const PluginState& state, const std::string& name);
/// Throws Error (checkpoint) unless `loaded` is defined and has the weights' size and type. `owner`: the plugin's name
/// in messages ("regularizer.ewc"); `name`: what the state calls the tensor.
void require_fit(const at::Tensor& loaded, const at::Tensor& weights, const std::string& owner,
                 const std::string& name);

}  // namespace stet
