#include <stet/model/transformer.hpp>

#include <stet/base/error.hpp>
#include <stet/model/kernels_cpu.hpp>

#include <cmath>

namespace stet {

namespace {
/// Gradients of this room are written by hand; autograd must not watch.
using NoGradient = at::NoGradGuard;

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
}  // namespace

struct Activations::State {
  struct Layer {
    at::Tensor input, norm1, stats1, qkv, log_sum, mixed, middle, norm2, stats2, gate_up, activated;
  };
  std::vector<Layer> layers;
  at::Tensor final_input, final_stats, last_mixed;
  at::Tensor scratch[8];
  at::Tensor rows;  // defined if only some rows leave the model
  std::int64_t tokens = 0, selected = 0;
};

Activations::Activations() : state_(std::make_unique<State>()) {}
Activations::~Activations() = default;
Activations::Activations(Activations&&) noexcept = default;
Activations& Activations::operator=(Activations&&) noexcept = default;

Transformer::Transformer(ModelConfig config)
    : config_([&] {
        config.complete();
        return config;
      }()),
      table_(config_) {
  const auto find = [this](const std::string& name) { return table_.index_of(name); };
  embedding_ = find("model.embed_tokens.weight");
  position_ = find("model.embed_positions.weight");
  final_norm_ = find("model.norm.weight");
  final_norm_bias_ = find("model.norm.bias");
  head_index_ = static_cast<std::size_t>(config_.tied_head ? embedding_ : find("lm_head.weight"));
  for (int l = 0; l < config_.layers; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    layers_.push_back({find(p + "input_layernorm.weight"), find(p + "input_layernorm.bias"),
                       find(p + "self_attn.q_proj.weight"), find(p + "self_attn.q_proj.bias"),
                       find(p + "self_attn.o_proj.weight"), find(p + "self_attn.o_proj.bias"),
                       find(p + "post_attention_layernorm.weight"), find(p + "post_attention_layernorm.bias"),
                       find(p + "mlp.gate_proj.weight"), find(p + "mlp.up_proj.weight"), find(p + "mlp.up_proj.bias"),
                       find(p + "mlp.down_proj.weight"), find(p + "mlp.down_proj.bias")});
  }
  if (config_.positions == Positions::rotary) {
    const std::int64_t half = config_.head_width / 2;
    cosine_ = at::empty({config_.context, half}, at::kDouble);
    sine_ = at::empty({config_.context, half}, at::kDouble);
    for (std::int64_t t = 0; t < config_.context; ++t) {
      for (std::int64_t i = 0; i < half; ++i) {
        const double angle = static_cast<double>(t) * std::pow(config_.rope_base, -static_cast<double>(i) / static_cast<double>(half));
        pointer<double>(cosine_)[t * half + i] = std::cos(angle);
        pointer<double>(sine_)[t * half + i] = std::sin(angle);
      }
    }
    cosine_f_ = cosine_.to(at::kFloat);
    sine_f_ = sine_.to(at::kFloat);
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
  const NoGradient guard;
  return weights.scalar_type() == at::kDouble ? forward_typed<double>(weights, batch, rows, kept, layers)
                                              : forward_typed<float>(weights, batch, rows, kept, layers);
}

void Transformer::backward(const at::Tensor& weights, const TokenBatch& batch, Activations& kept,
                           const at::Tensor& d_hidden, const at::Tensor& gradients, const std::vector<bool>& trains,
                           const std::function<void(std::int64_t)>& complete_from) const {
  STET_ASSERT(trains.empty() || trains.size() == table_.size());
  const NoGradient guard;
  if (weights.scalar_type() == at::kDouble) {
    backward_typed<double>(weights, batch, kept, d_hidden, gradients, trains, complete_from);
  } else {
    backward_typed<float>(weights, batch, kept, d_hidden, gradients, trains, complete_from);
  }
}

// The typed bodies. `w(i)` is the pointer to parameter i, null where i is -1.

template <class T>
at::Tensor Transformer::forward_typed(const at::Tensor& weights, const TokenBatch& batch, const at::Tensor* rows,
                                      Activations* kept, std::vector<at::Tensor>* captured) const {
  Activations local;
  Activations::State& s = *(kept != nullptr ? kept : &local)->state_;
  const ModelConfig& c = config_;
  const auto N = static_cast<std::int64_t>(batch.tokens.size());
  const std::int64_t d = c.width, HD = c.heads * c.head_width, Q = HD + 2 * c.kv_heads * c.head_width, F = c.feed_forward;
  const std::int64_t G = c.activation == Activation::swiglu ? 2 * F : F;
  const auto* base = pointer<T>(weights);
  const auto w = [&](int i) { return i < 0 ? nullptr : base + table_[static_cast<std::size_t>(i)].offset; };
  const auto matrix_at = [&](int i, std::int64_t out, std::int64_t in) {
    return weights.narrow(0, table_[static_cast<std::size_t>(i)].offset, out * in).view({out, in});
  };
  const auto normalize = [&](const at::Tensor& x, int weight, int bias, at::Tensor& out_buffer, at::Tensor& stats) {
    const std::int64_t n = x.size(0);
    at::Tensor out = matrix<T>(out_buffer, n, d);
    T* const st = pointer<T>(reserve<T>(stats, 2 * n));
    if (c.norm == Norm::rms) {
      kernels::rms_norm(pointer<T>(x), w(weight), pointer<T>(out), st, n, d, c.norm_epsilon);
    } else {
      kernels::layer_norm(pointer<T>(x), w(weight), w(bias), pointer<T>(out), st, st + n, n, d, c.norm_epsilon);
    }
    return out;
  };
  const bool sparse = rows != nullptr && rows->numel() < N;
  const std::int64_t P = rows != nullptr ? rows->numel() : N;
  const auto select = [&](const at::Tensor& x) { return rows != nullptr ? x.index_select(0, *rows) : x.clone(); };

  s.tokens = N;
  s.selected = P;
  s.rows = sparse ? *rows : at::Tensor();
  s.layers.resize(static_cast<std::size_t>(c.layers));
  at::Tensor x = matrix<T>(s.layers[0].input, N, d);
  kernels::embed(batch.tokens, batch.positions, w(embedding_), w(position_), pointer<T>(x), d);
  if (captured != nullptr) captured->assign(1, select(x));
  const kernels::AttentionShape shape{batch.offsets, c.heads, c.kv_heads, c.head_width};
  const T* const cosine = std::is_same_v<T, double> ? reinterpret_cast<const T*>(cosine_.defined() ? cosine_.data_ptr() : nullptr)
                                                    : reinterpret_cast<const T*>(cosine_f_.defined() ? cosine_f_.data_ptr() : nullptr);
  const T* const sine = std::is_same_v<T, double> ? reinterpret_cast<const T*>(sine_.defined() ? sine_.data_ptr() : nullptr)
                                                  : reinterpret_cast<const T*>(sine_f_.defined() ? sine_f_.data_ptr() : nullptr);
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const LayerIndex& index = layers_[l];
    Activations::State::Layer& a = s.layers[l];
    const bool last = l + 1 == layers_.size();
    const at::Tensor normed = normalize(x, index.norm1, index.norm1_bias, a.norm1, a.stats1);
    at::Tensor qkv = matrix<T>(a.qkv, N, Q);
    at::mm_out(qkv, normed, matrix_at(index.q, Q, d).t());
    if (index.q_bias >= 0) kernels::add_bias(pointer<T>(qkv), w(index.q_bias), N, Q);
    if (c.positions == Positions::rotary) {  // queries and keys are neighbours: H + G heads in one go
      kernels::rotate(pointer<T>(qkv), Q, batch.positions, c.heads + c.kv_heads, c.head_width, cosine, sine, T(1));
    }
    at::Tensor mixed = matrix<T>(a.mixed, N, HD);
    kernels::attention(shape, pointer<T>(qkv), pointer<T>(mixed), pointer<T>(reserve<T>(a.log_sum, c.heads * N)));

    // From here on the last block works on the rows that are read.
    std::int64_t n = N;
    at::Tensor residual = x;
    if (last && sparse) {
      n = P;
      at::Tensor chosen = matrix<T>(s.last_mixed, P, HD);
      at::index_select_out(chosen, mixed, 0, *rows);
      mixed = chosen;
      at::Tensor chosen_x = matrix<T>(s.scratch[0], P, d);
      at::index_select_out(chosen_x, x, 0, *rows);
      residual = chosen_x;
    }
    at::Tensor middle = matrix<T>(a.middle, n, d);
    at::addmm_out(middle, residual, mixed, matrix_at(index.o, d, HD).t());
    if (index.o_bias >= 0) kernels::add_bias(pointer<T>(middle), w(index.o_bias), n, d);
    const at::Tensor normed2 = normalize(middle, index.norm2, index.norm2_bias, a.norm2, a.stats2);
    at::Tensor gate_up = matrix<T>(a.gate_up, n, G);
    const int first = index.gate >= 0 ? index.gate : index.up;
    at::mm_out(gate_up, normed2, matrix_at(first, G, d).t());
    if (index.up_bias >= 0) {
      const int bias = index.gate >= 0 ? index.up_bias - 1 : index.up_bias;  // gate's bias stands before up's
      kernels::add_bias(pointer<T>(gate_up), w(bias), n, G);
    }
    at::Tensor activated = matrix<T>(a.activated, n, F);
    if (c.activation == Activation::swiglu) {
      kernels::swiglu(pointer<T>(gate_up), pointer<T>(activated), n, F);
    } else {
      kernels::gelu(pointer<T>(gate_up), pointer<T>(activated), n * F);
    }
    at::Tensor next = matrix<T>(last ? s.final_input : s.layers[l + 1].input, n, d);
    at::addmm_out(next, middle, activated, matrix_at(index.down, d, F).t());
    if (index.down_bias >= 0) kernels::add_bias(pointer<T>(next), w(index.down_bias), n, d);
    x = next;
    if (captured != nullptr) captured->push_back(last && sparse ? x.clone() : select(x));
  }
  if (rows != nullptr && !sparse) x = x.index_select(0, *rows);  // all rows, in the order asked for
  at::Tensor hidden_buffer;
  return normalize(x, final_norm_, final_norm_bias_, hidden_buffer, s.final_stats);
}

template <class T>
void Transformer::backward_typed(const at::Tensor& weights, const TokenBatch& batch, Activations& kept,
                                 const at::Tensor& d_hidden, const at::Tensor& gradients,
                                 const std::vector<bool>& trains,
                                 const std::function<void(std::int64_t)>& complete_from) const {
  Activations::State& s = *kept.state_;
  const ModelConfig& c = config_;
  const std::int64_t N = s.tokens, P = s.selected, d = c.width, HD = c.heads * c.head_width;
  const std::int64_t Q = HD + 2 * c.kv_heads * c.head_width, F = c.feed_forward;
  const std::int64_t G = c.activation == Activation::swiglu ? 2 * F : F;
  const auto* base = pointer<T>(weights);
  T* const gradient_base = pointer<T>(gradients);
  const auto train = [&](int i) { return i >= 0 && (trains.empty() || trains[static_cast<std::size_t>(i)]); };
  const auto w = [&](int i) { return i < 0 ? nullptr : base + table_[static_cast<std::size_t>(i)].offset; };
  const auto g = [&](int i) { return train(i) ? gradient_base + table_[static_cast<std::size_t>(i)].offset : nullptr; };
  const auto matrix_at = [&](int i, std::int64_t out, std::int64_t in) {
    return weights.narrow(0, table_[static_cast<std::size_t>(i)].offset, out * in).view({out, in});
  };
  // d_W += d_out^T in, for `parts` neighbouring matrices that forward used as one; biases likewise.
  const auto weight_gradient = [&](int first, int parts, const at::Tensor& d_out, const at::Tensor& in) {
    bool all = true;
    for (int i = first; i < first + parts; ++i) all = all && train(i);
    std::int64_t column = 0;
    const std::int64_t width = in.size(1);
    for (int i = first; i < first + parts; ++i) {
      const ParameterInfo& info = table_[static_cast<std::size_t>(i)];
      const std::int64_t out = all ? d_out.size(1) : info.shape[0];
      if (all || train(i)) {
        at::Tensor target = gradients.narrow(0, info.offset, out * width).view({out, width});
        at::addmm_out(target, target, d_out.narrow(1, column, out).t(), in);
      }
      if (all) break;
      column += out;
    }
  };
  const auto bias_gradient = [&](int first, int parts, const at::Tensor& d_out) {
    if (first < 0) return;
    std::vector<T> sums(static_cast<std::size_t>(d_out.size(1)));
    kernels::bias_backward(pointer<T>(d_out), sums.data(), d_out.size(0), d_out.size(1));
    std::size_t column = 0;
    for (int i = first; i < first + parts; ++i) {
      const std::int64_t count = table_[static_cast<std::size_t>(i)].count;
      if (T* const to = g(i)) {
        for (std::int64_t k = 0; k < count; ++k) to[k] += sums[column + static_cast<std::size_t>(k)];
      }
      column += static_cast<std::size_t>(count);
    }
  };
  const auto norm_backward = [&](const at::Tensor& d_out, const at::Tensor& x, const at::Tensor& stats, int weight,
                                 int bias, const at::Tensor& d_x) {
    const std::int64_t n = d_out.size(0);
    const T* const st = pointer<T>(stats);
    if (c.norm == Norm::rms) {
      kernels::rms_norm_backward(pointer<T>(d_out), pointer<T>(x), w(weight), st, pointer<T>(d_x), g(weight), n, d);
    } else {
      kernels::layer_norm_backward(pointer<T>(d_out), pointer<T>(x), w(weight), st, st + n, pointer<T>(d_x), g(weight),
                                   g(bias), n, d);
    }
  };
  const auto ready = [&](int i) {
    if (complete_from && i >= 0) complete_from(table_[static_cast<std::size_t>(i)].offset);
  };
  const auto view = [&](at::Tensor& buffer, std::int64_t n, std::int64_t columns) {
    return buffer.narrow(0, 0, n * columns).view({n, columns});
  };

  const bool sparse = s.rows.defined();
  const at::Tensor d_out = d_hidden.contiguous();
  at::Tensor dx = matrix<T>(s.scratch[1], sparse ? P : N, d);
  dx.zero_();
  norm_backward(d_out, view(s.final_input, sparse ? P : N, d), s.final_stats, final_norm_, final_norm_bias_, dx);
  ready(final_norm_);
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const LayerIndex& index = layers_[l];
    Activations::State::Layer& a = s.layers[l];
    const bool narrow = l + 1 == layers_.size() && sparse;
    const std::int64_t n = narrow ? P : N;
    // feed-forward half: dx is the gradient of the block's output, and of the residual that passes by
    at::Tensor d_activated = matrix<T>(s.scratch[2], n, F);
    at::mm_out(d_activated, dx, matrix_at(index.down, d, F));
    weight_gradient(index.down, 1, dx, view(a.activated, n, F));
    bias_gradient(index.down_bias, 1, dx);
    at::Tensor d_gate_up = matrix<T>(s.scratch[3], n, G);
    if (c.activation == Activation::swiglu) {
      kernels::swiglu_backward(pointer<T>(d_activated), pointer<T>(a.gate_up), pointer<T>(d_gate_up), n, F);
    } else {
      kernels::gelu_backward(pointer<T>(d_activated), pointer<T>(a.gate_up), pointer<T>(d_gate_up), n * F);
    }
    const int first = index.gate >= 0 ? index.gate : index.up, parts = index.gate >= 0 ? 2 : 1;
    weight_gradient(first, parts, d_gate_up, view(a.norm2, n, d));
    bias_gradient(index.up_bias < 0 ? -1 : index.up_bias - (parts - 1), parts, d_gate_up);
    at::Tensor d_norm = matrix<T>(s.scratch[4], n, d);
    at::mm_out(d_norm, d_gate_up, matrix_at(first, G, d));
    norm_backward(d_norm, view(a.middle, n, d), a.stats2, index.norm2, index.norm2_bias, dx);
    // attention half
    at::Tensor d_mixed = matrix<T>(s.scratch[5], n, HD);
    at::mm_out(d_mixed, dx, matrix_at(index.o, d, HD));
    weight_gradient(index.o, 1, dx, narrow ? view(s.last_mixed, n, HD) : view(a.mixed, n, HD));
    bias_gradient(index.o_bias, 1, dx);
    if (narrow) {  // back from the chosen rows to all tokens
      at::Tensor all_mixed = matrix<T>(s.scratch[6], N, HD);
      all_mixed.zero_();
      all_mixed.index_copy_(0, s.rows, d_mixed);
      d_mixed = all_mixed;
      at::Tensor all_dx = matrix<T>(s.scratch[0], N, d);
      all_dx.zero_();
      all_dx.index_copy_(0, s.rows, dx);
      dx = all_dx;
    }
    at::Tensor d_qkv = matrix<T>(s.scratch[7], N, Q);
    const kernels::AttentionShape shape{batch.offsets, c.heads, c.kv_heads, c.head_width};
    kernels::attention_backward(shape, pointer<T>(a.qkv), pointer<T>(a.mixed), pointer<T>(a.log_sum),
                                pointer<T>(d_mixed), pointer<T>(d_qkv));
    if (c.positions == Positions::rotary) {
      const at::Tensor& cosine = std::is_same_v<T, double> ? cosine_ : cosine_f_;
      const at::Tensor& sine = std::is_same_v<T, double> ? sine_ : sine_f_;
      kernels::rotate(pointer<T>(d_qkv), Q, batch.positions, c.heads + c.kv_heads, c.head_width, pointer<T>(cosine),
                      pointer<T>(sine), T(-1));
    }
    weight_gradient(index.q, 3, d_qkv, view(a.norm1, N, d));
    bias_gradient(index.q_bias, 3, d_qkv);
    at::Tensor d_norm1 = matrix<T>(s.scratch[4], N, d);
    at::mm_out(d_norm1, d_qkv, matrix_at(index.q, Q, d));
    norm_backward(d_norm1, view(a.input, N, d), a.stats1, index.norm1, index.norm1_bias, dx);
    ready(index.norm1);
  }
  kernels::embed_backward(batch.tokens, batch.positions, pointer<T>(dx), g(embedding_), g(position_), d);
  if (complete_from) complete_from(0);
}

}  // namespace stet
