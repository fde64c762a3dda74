#include <stet/model/transformer.hpp>

#include <stet/base/error.hpp>
#include <stet/model/key_value_cache.hpp>
#include <stet/model/transformer_state.hpp>

namespace stet {

Activations::Activations() : state_(std::make_unique<State>()) {}
Activations::~Activations() = default;
Activations::Activations(Activations&&) noexcept = default;
Activations& Activations::operator=(Activations&&) noexcept = default;

Transformer::Transformer(ModelConfig config)
    : config_([&] {
        config.complete();
        return config;
      }()),
      table_(config_),
      rope_(config_) {
  const auto find = [this](const std::string& name) { return table_.index_of(name); };
  embedding_ = find("model.embed_tokens.weight");
  position_ = find("model.embed_positions.weight");
  final_norm_ = find("model.norm.weight");
  final_norm_bias_ = find("model.norm.bias");
  head_index_ = static_cast<std::size_t>(config_.tied_head ? embedding_ : find("lm_head.weight"));
  for (int l = 0; l < config_.layers; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    const std::string first = p + (config_.norm_after ? "post_attention_layernorm" : "input_layernorm"),
                      second = p + (config_.norm_after ? "post_feedforward_layernorm" : "post_attention_layernorm");
    layers_.push_back({find(first + ".weight"), find(first + ".bias"), find(p + "self_attn.q_proj.weight"),
                       find(p + "self_attn.q_proj.bias"), find(p + "self_attn.o_proj.weight"),
                       find(p + "self_attn.o_proj.bias"), find(second + ".weight"), find(second + ".bias"),
                       find(p + "mlp.gate_proj.weight"), find(p + "mlp.up_proj.weight"), find(p + "mlp.up_proj.bias"),
                       find(p + "mlp.down_proj.weight"), find(p + "mlp.down_proj.bias"),
                       find(p + "self_attn.q_norm.weight"), find(p + "self_attn.k_norm.weight")});
  }
}

at::Tensor Transformer::head(const at::Tensor& flat) const { return table_.view(flat, head_index_); }

void Transformer::check(const TokenBatch& batch) const {
  for (const std::int32_t token : batch.tokens) {
    if (token < 0 || token >= config_.vocabulary) {
      throw Error(ErrorKind::data, "a token is outside the model's vocabulary")
          .expected("0 to " + std::to_string(config_.vocabulary - 1))
          .received(std::to_string(token))
          .hint("the data was made with another tokenizer than the model's");
    }
  }
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
    const std::int32_t length = batch.offsets[b + 1] - batch.offsets[b];
    if (length > config_.context) {
      throw Error(ErrorKind::data, "a sequence is longer than the model's context")
          .expected("at most " + std::to_string(config_.context) + " tokens (model.context)")
          .received(std::to_string(length) + " tokens");
    }
  }
}

at::Tensor Transformer::forward(const at::Tensor& weights, const TokenBatch& batch, const at::Tensor* rows,
                                Activations* kept, std::vector<at::Tensor>* layers) const {
  STET_ASSERT(weights.dim() == 1 && weights.numel() == table_.total());
  check(batch);
  const at::NoGradGuard guard;  // gradients of this room are written by hand
  return weights.scalar_type() == at::kDouble ? forward_typed<double>(weights, batch, rows, kept, layers, nullptr)
                                              : forward_typed<float>(weights, batch, rows, kept, layers, nullptr);
}

at::Tensor Transformer::forward_cached(const at::Tensor& weights, const TokenBatch& batch, CachedTokens& cache,
                                       const at::Tensor* rows, Activations& buffers) const {
  STET_ASSERT(weights.dim() == 1 && weights.numel() == table_.total());
  check(batch);
  const at::NoGradGuard guard;
  at::Tensor hidden = weights.scalar_type() == at::kDouble
                          ? forward_typed<double>(weights, batch, rows, &buffers, nullptr, &cache)
                          : forward_typed<float>(weights, batch, rows, &buffers, nullptr, &cache);
  cache.commit();
  return hidden;
}

void Transformer::backward(const at::Tensor& weights, const TokenBatch& batch, Activations& kept,
                           const at::Tensor& d_hidden, const GradientTarget& target,
                           const std::function<void(std::int64_t)>& complete_from) const {
  const at::NoGradGuard guard;  // gradients of this room are written by hand
  STET_ASSERT(target.gradients.numel() >= target.layout.elements());
  if (weights.scalar_type() == at::kDouble) {
    backward_typed<double>(weights, batch, kept, d_hidden, target, complete_from);
  } else {
    backward_typed<float>(weights, batch, kept, d_hidden, target, complete_from);
  }
}

void Transformer::backward(const at::Tensor& weights, const TokenBatch& batch, Activations& kept,
                           const at::Tensor& d_hidden, const at::Tensor& gradients, const std::vector<bool>& trains,
                           const std::function<void(std::int64_t)>& complete_from) const {
  STET_ASSERT(trains.empty() || trains.size() == table_.size());
  const at::Tensor none;
  backward(weights, batch, kept, d_hidden, {gradients, GradientLayout(table_, trains), none}, complete_from);
}

}  // namespace stet
