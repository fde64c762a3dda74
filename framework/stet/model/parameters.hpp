// Parameters live in an arena: every tensor of a model is a slice of one contiguous buffer, in the order in which the
// forward pass uses them. So optimizer, clipping, weight penalties and checkpoints are loops over spans, a gradient
// bucket is a slice, a snapshot is one memcpy, and backward completes gradients from the end of the buffer to its
// beginning.
#pragma once

#include <stet/model/model_config.hpp>
#include <stet/model/torch.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// What a parameter does. A bias has the role of its layer and `bias` set.
enum class Role {
  embedding,
  position,
  attention_q,
  attention_k,
  attention_v,
  attention_o,
  ffn_gate,
  ffn_up,
  ffn_down,
  norm,
  head,
};
inline constexpr int role_count = 11;
[[nodiscard]] std::string_view role_name(Role role);  ///< "attention.q", "ffn.gate", "embedding", ...

struct ParameterInfo {
  std::string name;  ///< Hugging Face's Llama-style name, for instance "model.layers.0.self_attn.q_proj.weight"
  std::vector<std::int64_t> shape;  ///< [out, in] for matrices
  Role role;
  int layer;  ///< 0-based block; -1: none
  bool bias;
  std::int64_t offset, count;  ///< in elements, into every flat buffer
};

/// The table of a model's parameters: names, shapes, roles, offsets. Immutable.
class ParameterTable {
 public:
  explicit ParameterTable(const ModelConfig& config);

  [[nodiscard]] std::span<const ParameterInfo> entries() const noexcept { return entries_; }
  [[nodiscard]] std::int64_t total() const noexcept { return total_; }  ///< elements of a flat buffer
  [[nodiscard]] const ParameterInfo& operator[](std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// -1 if there is no such name.
  [[nodiscard]] int index_of(std::string_view name) const noexcept;
  /// The slice of `flat` (1-D, total() elements) that is this parameter, in its shape. A view, no copy.
  [[nodiscard]] at::Tensor view(const at::Tensor& flat, std::size_t index) const;

 private:
  void add(std::string name, std::vector<std::int64_t> shape, Role role, int layer = -1, bool bias = false);

  std::vector<ParameterInfo> entries_;
  std::int64_t total_ = 0;
};

/// Random initial values, a function of (table, config, seed) alone: normal with init_scale, residual outputs scaled by
/// 1/sqrt(2 L), norm weights 1, biases 0. 1-D, `type` kFloat or kDouble.
[[nodiscard]] at::Tensor initial_values(const ParameterTable& table, const ModelConfig& config, std::uint64_t seed,
                                        at::ScalarType type);

/// XXH3-128 of the bytes: the identity of a set of weights.
[[nodiscard]] std::string hash_tensor(const at::Tensor& flat);

}  // namespace stet
