// The backward pass of the transformer. `w(i)` is the pointer to parameter i, null where i is -1.
#include <stet/model/transformer_state.hpp>

namespace stet {

using detail::matrix;
using detail::pointer;

template <class T>
void Transformer::backward_typed(const at::Tensor& weights, const TokenBatch& batch, Activations& kept,
                                 const at::Tensor& d_hidden, const GradientTarget& target,
                                 const std::function<void(std::int64_t)>& complete_from) const {
  Activations::State& s = *kept.state_;
  const ModelConfig& c = config_;
  const std::int64_t N = s.tokens, P = s.selected, d = c.width, HD = c.heads * c.head_width;
  const std::int64_t Q = HD + 2 * c.kv_heads * c.head_width, F = c.feed_forward;
  const std::int64_t G = c.activation == Activation::swiglu ? 2 * F : F;
  const auto* base = pointer<T>(weights);
  const GradientLayout& layout = target.layout;
  const at::Tensor& gradients = target.gradients;
  T* const gradient_base = pointer<T>(gradients);
  const auto dense = [&](int i) { return i >= 0 && layout.dense(static_cast<std::size_t>(i)); };
  const auto w = [&](int i) { return i < 0 ? nullptr : base + table_[static_cast<std::size_t>(i)].offset; };
  const auto g = [&](int i) { return dense(i) ? gradient_base + layout.begin(static_cast<std::size_t>(i)) : nullptr; };
  const auto matrix_at = [&](int i, std::int64_t out, std::int64_t in) {
    return weights.narrow(0, table_[static_cast<std::size_t>(i)].offset, out * in).view({out, in});
  };
  // d_A += s (d_out B)^T in, d_B += s d_out^T (in A^T).
  const auto factor_gradient = [&](std::size_t i, const FactorPlace& f, const at::Tensor& d_out, const at::Tensor& in) {
    const std::int64_t out_width = table_[i].shape[0], in_width = table_[i].shape[1];
    const auto a_of = [&](const at::Tensor& flat, std::int64_t at) {
      return flat.narrow(0, at, f.rank * in_width).view({f.rank, in_width});
    };
    const auto b_of = [&](const at::Tensor& flat, std::int64_t at) {
      return flat.narrow(0, at, out_width * f.rank).view({out_width, f.rank});
    };
    at::Tensor d_a = a_of(gradients, layout.begin(i)), d_b = b_of(gradients, layout.begin(i) + f.rank * in_width);
    at::addmm_out(d_a, d_a, at::mm(d_out, b_of(target.factors, f.b)).t(), in, 1, f.scale);
    at::addmm_out(d_b, d_b, d_out.t(), at::mm(in, a_of(target.factors, f.a).t()), 1, f.scale);
  };
  // d_W += d_out^T in, for `parts` neighbouring matrices that forward used as one; biases likewise.
  const auto weight_gradient = [&](int first, int parts, const at::Tensor& d_out, const at::Tensor& in) {
    bool all = true;
    for (int i = first; i < first + parts; ++i) all = all && dense(i);
    std::int64_t column = 0;
    const std::int64_t width = in.size(1);
    for (int i = first; i < first + parts; ++i) {
      const ParameterInfo& info = table_[static_cast<std::size_t>(i)];
      const std::int64_t out = all ? d_out.size(1) : info.shape[0];
      const auto n = static_cast<std::size_t>(i);
      if (dense(i)) {
        at::Tensor to = gradients.narrow(0, layout.begin(n), out * width).view({out, width});
        at::addmm_out(to, to, d_out.narrow(1, column, out).t(), in);
      } else if (layout.factors(n)) {
        factor_gradient(n, *layout.factors(n), d_out.narrow(1, column, out), in);
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
  // d_part, a stretch of d_qkv: from the gradient of normed queries or keys to that of what they were before.
  const auto heads_norm_backward = [&](const at::Tensor& d_qkv, std::int64_t column, std::int64_t heads, int weight,
                                       const at::Tensor& before, const at::Tensor& stats) {
    const std::int64_t width = heads * c.head_width,
                       over = c.query_key_norm == QueryKeyNorm::head ? c.head_width : width;
    at::Tensor part = d_qkv.narrow(1, column, width);
    at::Tensor d_normed = matrix<T>(s.scratch[8], N, width), d_before = matrix<T>(s.scratch[9], N, width);
    d_normed.copy_(part);
    d_before.zero_();
    kernels::rms_norm_backward(pointer<T>(d_normed), pointer<T>(before), w(weight), pointer<T>(stats),
                               pointer<T>(d_before), g(weight), N * width / over, over);
    part.copy_(d_before);
  };
  // The gradient of what a half gave, where a norm follows it: of [n, d].
  const auto through_norm_after = [&](const at::Tensor& d_normed, const at::Tensor& x, const at::Tensor& stats,
                                      int weight, int bias) {
    at::Tensor d_x = matrix<T>(s.scratch[8], d_normed.size(0), d);
    d_x.zero_();
    norm_backward(d_normed, x, stats, weight, bias, d_x);
    return d_x;
  };
  const auto ready = [&](int i) {
    if (complete_from && i >= 0) complete_from(layout.begin(static_cast<std::size_t>(i)));
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
    const at::Tensor d_fed =
        c.norm_after ? through_norm_after(dx, view(a.fed, n, d), a.stats2, index.norm2, index.norm2_bias) : dx;
    at::Tensor d_activated = matrix<T>(s.scratch[2], n, F);
    at::mm_out(d_activated, d_fed, matrix_at(index.down, d, F));
    weight_gradient(index.down, 1, d_fed, view(a.activated, n, F));
    bias_gradient(index.down_bias, 1, d_fed);
    at::Tensor d_gate_up = matrix<T>(s.scratch[3], n, G);
    if (c.activation == Activation::swiglu) {
      kernels::swiglu_backward(pointer<T>(d_activated), pointer<T>(a.gate_up), pointer<T>(d_gate_up), n, F);
    } else if (c.activation == Activation::gelu_erf) {
      kernels::gelu_erf_backward(pointer<T>(d_activated), pointer<T>(a.gate_up), pointer<T>(d_gate_up), n * F);
    } else {
      kernels::gelu_backward(pointer<T>(d_activated), pointer<T>(a.gate_up), pointer<T>(d_gate_up), n * F);
    }
    const int first = index.gate >= 0 ? index.gate : index.up, parts = index.gate >= 0 ? 2 : 1;
    weight_gradient(first, parts, d_gate_up, view(c.norm_after ? a.middle : a.norm2, n, d));
    bias_gradient(index.up_bias < 0 ? -1 : index.up_bias - (parts - 1), parts, d_gate_up);
    at::Tensor d_norm = matrix<T>(s.scratch[4], n, d);
    at::mm_out(d_norm, d_gate_up, matrix_at(first, G, d));
    at::Tensor d_input;  // parallel residual: the feed-forward half reads the block's input, not the attention's result
    if (c.parallel_residual) {
      d_input = matrix<T>(s.scratch[2], n, d);
      d_input.zero_();
      norm_backward(d_norm, view(narrow ? s.last_residual : a.input, n, d), a.stats2, index.norm2, index.norm2_bias,
                    d_input);
    } else if (c.norm_after) {
      dx += d_norm;
    } else {
      norm_backward(d_norm, view(a.middle, n, d), a.stats2, index.norm2, index.norm2_bias, dx);
    }
    // attention half
    const at::Tensor d_attended =
        c.norm_after ? through_norm_after(dx, view(a.attended, n, d), a.stats1, index.norm1, index.norm1_bias) : dx;
    at::Tensor d_mixed = matrix<T>(s.scratch[5], n, HD);
    at::mm_out(d_mixed, d_attended, matrix_at(index.o, d, HD));
    weight_gradient(index.o, 1, d_attended, narrow ? view(s.last_mixed, n, HD) : view(a.mixed, n, HD));
    bias_gradient(index.o_bias, 1, d_attended);
    if (c.parallel_residual) dx += d_input;
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
    if (c.rotates(static_cast<std::int64_t>(l))) {
      const RopeTables::Tables rope = rope_.get(detail::positions_of(batch), weights.scalar_type());
      kernels::rotate(pointer<T>(d_qkv), Q, batch.positions, c.heads + c.kv_heads, c.head_width, c.rotated_width(),
                      pointer<T>(rope.cosine), pointer<T>(rope.sine), T(-1));
    }
    if (index.q_norm >= 0) {
      heads_norm_backward(d_qkv, 0, c.heads, index.q_norm, a.queries, a.query_stats);
      heads_norm_backward(d_qkv, HD, c.kv_heads, index.k_norm, a.keys, a.key_stats);
    }
    weight_gradient(index.q, 3, d_qkv, view(c.norm_after ? a.input : a.norm1, N, d));
    bias_gradient(index.q_bias, 3, d_qkv);
    at::Tensor d_norm1 = matrix<T>(s.scratch[4], N, d);
    at::mm_out(d_norm1, d_qkv, matrix_at(index.q, Q, d));
    if (c.norm_after) {
      dx += d_norm1;
    } else {
      norm_backward(d_norm1, view(a.input, N, d), a.stats1, index.norm1, index.norm1_bias, dx);
    }
    ready(c.norm_after ? index.q : index.norm1);
  }
  kernels::embed_backward(batch.tokens, batch.positions, pointer<T>(dx), g(embedding_), g(position_), d);
  if (complete_from) complete_from(0);
}

template void Transformer::backward_typed<float>(const at::Tensor&, const TokenBatch&, Activations&, const at::Tensor&,
                                                 const GradientTarget&, const std::function<void(std::int64_t)>&) const;
template void Transformer::backward_typed<double>(const at::Tensor&, const TokenBatch&, Activations&, const at::Tensor&,
                                                  const GradientTarget&,
                                                  const std::function<void(std::int64_t)>&) const;

}  // namespace stet
