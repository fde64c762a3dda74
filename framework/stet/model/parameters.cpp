#include <stet/model/parameters.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/philox.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace stet {

std::string_view role_name(Role role) {
  switch (role) {
    case Role::embedding: return "embedding";
    case Role::position: return "position";
    case Role::attention_q: return "attention.q";
    case Role::attention_k: return "attention.k";
    case Role::attention_v: return "attention.v";
    case Role::attention_o: return "attention.o";
    case Role::ffn_gate: return "ffn.gate";
    case Role::ffn_up: return "ffn.up";
    case Role::ffn_down: return "ffn.down";
    case Role::norm: return "norm";
    case Role::head: return "head";
  }
  return "";
}

// The order matters twice: it is the order of the forward pass, and q, k, v (and gate, up) are neighbours, weights with
// weights and biases with biases, so that each group is also one matrix.
ParameterTable::ParameterTable(const ModelConfig& c) {
  const bool layer_norm = c.norm == Norm::layer;
  const auto norm = [&](const std::string& name, int layer) {
    add(name + ".weight", {c.width}, Role::norm, layer);
    if (layer_norm) add(name + ".bias", {c.width}, Role::norm, layer, true);
  };
  add("model.embed_tokens.weight", {c.vocabulary, c.width}, Role::embedding);
  if (c.positions == Positions::learned) add("model.embed_positions.weight", {c.context, c.width}, Role::position);
  const std::int64_t queries = c.heads * c.head_width, keys = c.kv_heads * c.head_width;
  for (int l = 0; l < c.layers; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    if (!c.norm_after) norm(layer + "input_layernorm", l);
    add(layer + "self_attn.q_proj.weight", {queries, c.width}, Role::attention_q, l);
    add(layer + "self_attn.k_proj.weight", {keys, c.width}, Role::attention_k, l);
    add(layer + "self_attn.v_proj.weight", {keys, c.width}, Role::attention_v, l);
    if (c.qkv_bias) {
      add(layer + "self_attn.q_proj.bias", {queries}, Role::attention_q, l, true);
      add(layer + "self_attn.k_proj.bias", {keys}, Role::attention_k, l, true);
      add(layer + "self_attn.v_proj.bias", {keys}, Role::attention_v, l, true);
    }
    if (c.query_key_norm != QueryKeyNorm::none) {
      const bool head = c.query_key_norm == QueryKeyNorm::head;
      add(layer + "self_attn.q_norm.weight", {head ? c.head_width : queries}, Role::norm, l);
      add(layer + "self_attn.k_norm.weight", {head ? c.head_width : keys}, Role::norm, l);
    }
    add(layer + "self_attn.o_proj.weight", {c.width, queries}, Role::attention_o, l);
    if (c.linear_bias) add(layer + "self_attn.o_proj.bias", {c.width}, Role::attention_o, l, true);
    norm(layer + "post_attention_layernorm", l);
    if (c.activation == Activation::swiglu) {
      add(layer + "mlp.gate_proj.weight", {c.feed_forward, c.width}, Role::ffn_gate, l);
    }
    add(layer + "mlp.up_proj.weight", {c.feed_forward, c.width}, Role::ffn_up, l);
    if (c.linear_bias && c.activation == Activation::swiglu) {
      add(layer + "mlp.gate_proj.bias", {c.feed_forward}, Role::ffn_gate, l, true);
    }
    if (c.linear_bias) add(layer + "mlp.up_proj.bias", {c.feed_forward}, Role::ffn_up, l, true);
    add(layer + "mlp.down_proj.weight", {c.width, c.feed_forward}, Role::ffn_down, l);
    if (c.linear_bias) add(layer + "mlp.down_proj.bias", {c.width}, Role::ffn_down, l, true);
    if (c.norm_after) norm(layer + "post_feedforward_layernorm", l);
  }
  norm("model.norm", -1);
  if (!c.tied_head) add("lm_head.weight", {c.vocabulary, c.width}, Role::head);
}

void ParameterTable::add(std::string name, std::vector<std::int64_t> shape, Role role, int layer, bool bias) {
  const std::int64_t count = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  entries_.push_back({std::move(name), std::move(shape), role, layer, bias, total_, count});
  total_ += count;
}

int ParameterTable::index_of(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

at::Tensor ParameterTable::view(const at::Tensor& flat, std::size_t index) const {
  const ParameterInfo& entry = entries_[index];
  return flat.narrow(0, entry.offset, entry.count).view(entry.shape);
}

at::Tensor initial_values(const ParameterTable& table, const ModelConfig& config, std::uint64_t seed,
                          at::ScalarType type) {
  at::Tensor flat = at::zeros({table.total()}, at::TensorOptions().dtype(at::kDouble));
  auto* const values = flat.data_ptr<double>();
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(config.layers));
  for (std::size_t i = 0; i < table.size(); ++i) {
    const ParameterInfo& entry = table[i];
    if (entry.bias) continue;
    if (entry.role == Role::norm) {
      std::fill_n(values + entry.offset, entry.count, 1.0);
      continue;
    }
    const bool writes_residual = entry.role == Role::attention_o || entry.role == Role::ffn_down;
    const double scale = config.init_scale * (writes_residual ? residual : 1.0);
    Random random(seed, "init", i);
    for (std::int64_t k = 0; k < entry.count; ++k) values[entry.offset + k] = scale * random.normal();
  }
  return flat.to(type);
}

std::string hash_tensor(const at::Tensor& flat) {
  STET_ASSERT(flat.is_contiguous() && flat.device().is_cpu());
  return hash_hex(std::span(static_cast<const std::byte*>(flat.data_ptr()), flat.nbytes()));
}

}  // namespace stet
