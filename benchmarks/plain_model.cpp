#include "plain_model.hpp"

#include <stet/base/error.hpp>

#include <algorithm>
#include <cmath>

namespace stet::benchmarks {

PlainModel::PlainModel(const Transformer& model, const at::Tensor& flat) : config_(model.config()) {
  const ModelConfig& c = config_;
  STET_ASSERT(c.norm == Norm::rms && c.positions == Positions::rotary && c.activation == Activation::swiglu &&
              c.kv_heads == c.heads && c.tied_head && !c.qkv_bias && !c.linear_bias);
  const auto take = [&](const std::string& name) {
    const int index = model.table().index_of(name);
    STET_ASSERT(index >= 0);
    parameters_.push_back(model.table().view(flat, static_cast<std::size_t>(index)).clone().requires_grad_(true));
    first_.push_back(at::zeros_like(parameters_.back()));
    second_.push_back(at::zeros_like(parameters_.back()));
    return parameters_.back();
  };
  embedding_ = take("model.embed_tokens.weight");
  for (std::int64_t l = 0; l < c.layers; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    blocks_.push_back({take(p + "input_layernorm.weight"), take(p + "self_attn.q_proj.weight"),
                       take(p + "self_attn.k_proj.weight"), take(p + "self_attn.v_proj.weight"),
                       take(p + "self_attn.o_proj.weight"), take(p + "post_attention_layernorm.weight"),
                       take(p + "mlp.gate_proj.weight"), take(p + "mlp.up_proj.weight"),
                       take(p + "mlp.down_proj.weight")});
  }
  final_norm_ = take("model.norm.weight");
  const at::Tensor frequency =
      at::pow(c.rope_base, at::arange(c.head_width / 2, at::kDouble) * (-2.0 / static_cast<double>(c.head_width)));
  const at::Tensor angle = at::outer(at::arange(c.context, at::kDouble), frequency);
  cosine_ = angle.cos().to(at::kFloat);
  sine_ = angle.sin().to(at::kFloat);
}

at::Tensor PlainModel::normalize(const at::Tensor& x, const at::Tensor& weight) const {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + config_.norm_epsilon) * weight;
}

at::Tensor PlainModel::heads(const at::Tensor& x, const at::Tensor& projection) const {
  return x.matmul(projection.t()).view({x.size(0), x.size(1), config_.heads, config_.head_width}).transpose(1, 2);
}

at::Tensor PlainModel::rotated(const at::Tensor& x) const {
  const std::vector<at::Tensor> half = x.chunk(2, -1);
  const at::Tensor c = cosine_.narrow(0, 0, x.size(2)), s = sine_.narrow(0, 0, x.size(2));
  return at::cat({half[0] * c - half[1] * s, half[1] * c + half[0] * s}, -1);
}

at::Tensor PlainModel::logits(const PackedBatch& batch) const {
  const auto B = static_cast<std::int64_t>(batch.offsets.size()) - 1;
  std::int64_t T = 0;
  for (std::int64_t b = 0; b < B; ++b) {
    T = std::max<std::int64_t>(
        T, batch.offsets[static_cast<std::size_t>(b) + 1] - batch.offsets[static_cast<std::size_t>(b)]);
  }
  const at::Tensor tokens = at::zeros({B, T}, at::kLong),
                   rows = at::empty({static_cast<std::int64_t>(batch.loss_rows.size())}, at::kLong);
  auto* const token = tokens.data_ptr<std::int64_t>();
  std::size_t next = 0;
  for (std::size_t b = 0; b + 1 < batch.offsets.size(); ++b) {
    const std::int64_t begin = batch.offsets[b], shift = static_cast<std::int64_t>(b) * T - begin;
    for (std::int64_t t = begin; t < batch.offsets[b + 1]; ++t)
      token[t + shift] = batch.tokens[static_cast<std::size_t>(t)];
    for (; next < batch.loss_rows.size() && batch.loss_rows[next] < batch.offsets[b + 1]; ++next) {
      rows.data_ptr<std::int64_t>()[next] = batch.loss_rows[next] + shift;
    }
  }
  // Padding stands after each sequence, so the causal mask hides it from all rows that are read.
  const at::Tensor future = at::ones({T, T}, at::kBool).triu(1);
  const double scale = 1 / std::sqrt(static_cast<double>(config_.head_width));
  at::Tensor x = at::embedding(embedding_, tokens);
  for (const Block& block : blocks_) {
    const at::Tensor in = normalize(x, block.norm1);
    const at::Tensor q = rotated(heads(in, block.q)), k = rotated(heads(in, block.k)), v = heads(in, block.v);
    const at::Tensor scores = (q.matmul(k.transpose(-2, -1)) * scale).masked_fill(future, -INFINITY);
    const at::Tensor mixed =
        scores.softmax(-1).matmul(v).transpose(1, 2).reshape({B, T, config_.heads * config_.head_width});
    x = x + mixed.matmul(block.o.t());
    const at::Tensor normed = normalize(x, block.norm2);
    x = x + (at::silu(normed.matmul(block.gate.t())) * normed.matmul(block.up.t())).matmul(block.down.t());
  }
  return normalize(x.reshape({B * T, config_.width}).index_select(0, rows), final_norm_).matmul(embedding_.t());
}

double PlainModel::step(const PackedBatch& batch, const TrainOptions& o, double rate) {
  const at::Tensor loss = at::cross_entropy_loss(logits(batch), at::tensor(batch.targets));
  loss.backward();
  const at::NoGradGuard guard;
  std::vector<at::Tensor> norms;
  for (const at::Tensor& p : parameters_) norms.push_back(p.grad().norm());
  const double norm = at::stack(norms).norm().item<double>();
  const double scale = o.clip > 0 && norm > o.clip ? o.clip / norm : 1.0;
  ++steps_;
  const double correction1 = 1 - std::pow(o.beta1, static_cast<double>(steps_));
  const double correction2 = std::sqrt(1 - std::pow(o.beta2, static_cast<double>(steps_)));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& p = parameters_[i];
    const at::Tensor g = p.grad().mul_(scale);
    if (o.weight_decay > 0 && p.dim() > 1) p.mul_(1 - rate * o.weight_decay);
    first_[i].mul_(o.beta1).add_(g, 1 - o.beta1);
    second_[i].mul_(o.beta2).addcmul_(g, g, 1 - o.beta2);
    p.addcdiv_(first_[i], (second_[i].sqrt() / correction2).add_(o.epsilon), -rate / correction1);
    g.zero_();
  }
  return loss.item<double>();
}

}  // namespace stet::benchmarks
