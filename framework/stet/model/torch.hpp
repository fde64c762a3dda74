// The only way libtorch's headers come in: what differs between 1.13 (Debian 12) and 2.x is guarded here.
// Narrow on purpose: tensors, their operators, and the functions of ATen; <ATen/ATen.h> holds little more and costs
// every file half a second. Who writes an autograd function includes autograd.hpp.
#pragma once

// First: clang 14 needs IValue whole before <ATen/core/List.h> makes vectors of it.
#include <ATen/core/ivalue.h>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <fmt/format.h>

namespace stet {

/// Calls `function(T{})` with the C++ type of a floating scalar type: double for kDouble, else float.
template <class F>
auto by_scalar_type(at::ScalarType type, F&& function) {
  return type == at::kDouble ? function(double{}) : function(float{});
}

}  // namespace stet
