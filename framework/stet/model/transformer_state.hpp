// The inside of the transformer's two passes: buffers that go from step to step, and small helpers. Included by the
// transformer's sources alone.
#pragma once

#include <stet/model/kernels_cpu.hpp>
#include <stet/model/transformer.hpp>

#include <algorithm>
#include <vector>

namespace stet {

struct Activations::State {
  struct Layer {
    at::Tensor input, norm1, stats1, qkv, log_sum, mixed, middle, norm2, stats2, gate_up, activated;
    at::Tensor queries, keys, query_stats, key_stats;  // query_key_norm: before their norms
    at::Tensor attended, fed;                          // norm_after: what the two halves gave, before their norms
  };
  std::vector<Layer> layers;
  at::Tensor final_input, final_stats, last_mixed, last_residual;
  at::Tensor scratch[10];
  at::Tensor rows;  // defined if only some rows leave the model
  std::int64_t tokens = 0, selected = 0;
};

namespace detail {

/// A buffer of at least `count` elements, kept between steps.
template <class T>
at::Tensor& reserve(at::Tensor& buffer, std::int64_t count) {
  if (!buffer.defined() || buffer.numel() < count || buffer.scalar_type() != c10::CppTypeToScalarType<T>::value) {
    buffer = at::empty({std::max<std::int64_t>(count + count / 4, 64)}, c10::CppTypeToScalarType<T>::value);
  }
  return buffer;
}
template <class T>
at::Tensor matrix(at::Tensor& buffer, std::int64_t rows, std::int64_t columns) {
  return reserve<T>(buffer, rows * columns).narrow(0, 0, rows * columns).view({rows, columns});
}
template <class T>
T* pointer(const at::Tensor& tensor) {
  return tensor.data_ptr<T>();
}

/// Positions of a rotary table that a batch needs.
inline std::int64_t positions_of(const TokenBatch& batch) {
  return batch.positions.empty() ? 1
                                 : std::int64_t{*std::max_element(batch.positions.begin(), batch.positions.end())} + 1;
}

}  // namespace detail
}  // namespace stet
