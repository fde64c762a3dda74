// The forward pass of the transformer. `w(i)` is the pointer to parameter i, null where i is -1.
#include <stet/base/error.hpp>
#include <stet/model/key_value_cache.hpp>
#include <stet/model/transformer_state.hpp>

namespace stet {

using detail::matrix;
using detail::pointer;
using detail::reserve;

template <class T>
at::Tensor Transformer::forward_typed(const at::Tensor& weights, const TokenBatch& batch, const at::Tensor* rows,
                                      Activations* kept, std::vector<at::Tensor>* captured, CachedTokens* cache) const {
  Activations local;
  Activations::State& s = *(kept != nullptr ? kept : &local)->state_;
  const ModelConfig& c = config_;
  const auto N = static_cast<std::int64_t>(batch.tokens.size());
  const std::int64_t d = c.width, HD = c.heads * c.head_width, Q = HD + 2 * c.kv_heads * c.head_width,
                     F = c.feed_forward;
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
  // out = residual + what the half of a block ends with: the last matrix on `in` and its bias, and the norm behind them
  // where there is one, before which `given` keeps it.
  const auto add_half = [&](at::Tensor& out, const at::Tensor& residual, const at::Tensor& in, int weight, int bias,
                            int norm, int norm_bias, at::Tensor& given, at::Tensor& normed, at::Tensor& stats) {
    const std::int64_t n = in.size(0);
    at::Tensor product = c.norm_after ? matrix<T>(given, n, d) : out;
    if (c.norm_after) {
      at::mm_out(product, in, matrix_at(weight, d, in.size(1)).t());
    } else {
      at::addmm_out(product, residual, in, matrix_at(weight, d, in.size(1)).t());
    }
    if (bias >= 0) kernels::add_bias(pointer<T>(product), w(bias), n, d);
    if (c.norm_after) at::add_out(out, residual, normalize(product, norm, norm_bias, normed, stats));
  };
  // Queries, or keys: `heads` heads from column `column` on, through their norm. `before` keeps what was there.
  const auto normalize_heads = [&](const at::Tensor& qkv, std::int64_t column, std::int64_t heads, int weight,
                                   at::Tensor& before, at::Tensor& stats) {
    const std::int64_t width = heads * c.head_width,
                       over = c.query_key_norm == QueryKeyNorm::head ? c.head_width : width;
    at::Tensor part = qkv.narrow(1, column, width);
    at::Tensor kept_before = matrix<T>(before, N, width);
    kept_before.copy_(part);
    const std::int64_t n = N * width / over;
    at::Tensor normed = matrix<T>(s.scratch[8], N, width);
    kernels::rms_norm(pointer<T>(kept_before), w(weight), pointer<T>(normed), pointer<T>(reserve<T>(stats, n)), n, over,
                      c.norm_epsilon);
    part.copy_(normed);
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
  const bool rotary = c.positions == Positions::rotary;
  const RopeTables::Tables rope =
      rotary ? rope_.get(detail::positions_of(batch), weights.scalar_type()) : RopeTables::Tables();
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const LayerIndex& index = layers_[l];
    Activations::State::Layer& a = s.layers[l];
    const bool last = l + 1 == layers_.size();
    const at::Tensor normed = c.norm_after ? x : normalize(x, index.norm1, index.norm1_bias, a.norm1, a.stats1);
    at::Tensor qkv = matrix<T>(a.qkv, N, Q);
    at::mm_out(qkv, normed, matrix_at(index.q, Q, d).t());
    if (index.q_bias >= 0) kernels::add_bias(pointer<T>(qkv), w(index.q_bias), N, Q);
    if (index.q_norm >= 0) {
      normalize_heads(qkv, 0, c.heads, index.q_norm, a.queries, a.query_stats);
      normalize_heads(qkv, HD, c.kv_heads, index.k_norm, a.keys, a.key_stats);
    }
    if (c.rotates(static_cast<std::int64_t>(l))) {  // queries and keys are neighbours: H + G heads in one go
      kernels::rotate(pointer<T>(qkv), Q, batch.positions, c.heads + c.kv_heads, c.head_width, c.rotated_width(),
                      pointer<T>(rope.cosine), pointer<T>(rope.sine), T(1));
    }
    at::Tensor mixed = matrix<T>(a.mixed, N, HD);
    if (cache != nullptr) {
      cache->attend(l, pointer<T>(qkv), pointer<T>(mixed));
    } else {
      kernels::attention(shape, pointer<T>(qkv), pointer<T>(mixed), pointer<T>(reserve<T>(a.log_sum, c.heads * N)));
    }

    // From here on the last block works on the rows that are read.
    std::int64_t n = N;
    at::Tensor residual = x;
    if (last && sparse) {
      n = P;
      at::Tensor chosen = matrix<T>(s.last_mixed, P, HD);
      at::index_select_out(chosen, mixed, 0, *rows);
      mixed = chosen;
      at::Tensor chosen_x = matrix<T>(s.last_residual, P, d);
      at::index_select_out(chosen_x, x, 0, *rows);
      residual = chosen_x;
    }
    at::Tensor middle = matrix<T>(a.middle, n, d);
    add_half(middle, residual, mixed, index.o, index.o_bias, index.norm1, index.norm1_bias, a.attended, a.norm1,
             a.stats1);
    const at::Tensor normed2 = c.norm_after ? middle
                                            : normalize(c.parallel_residual ? residual : middle, index.norm2,
                                                        index.norm2_bias, a.norm2, a.stats2);
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
    } else if (c.activation == Activation::gelu_erf) {
      kernels::gelu_erf(pointer<T>(gate_up), pointer<T>(activated), n * F);
    } else {
      kernels::gelu(pointer<T>(gate_up), pointer<T>(activated), n * F);
    }
    at::Tensor next = matrix<T>(last ? s.final_input : s.layers[l + 1].input, n, d);
    add_half(next, middle, activated, index.down, index.down_bias, index.norm2, index.norm2_bias, a.fed, a.norm2,
             a.stats2);
    x = next;
    if (captured != nullptr) captured->push_back(last && sparse ? x.clone() : select(x));
  }
  if (rows != nullptr && !sparse) x = x.index_select(0, *rows);  // all rows, in the order asked for
  at::Tensor hidden_buffer;
  return normalize(x, final_norm_, final_norm_bias_, hidden_buffer, s.final_stats);
}

std::vector<at::Tensor> Transformer::neurons(const Activations& kept, const at::Tensor* rows) const {
  const Activations::State& s = *kept.state_;
  STET_ASSERT(s.layers.size() == layers_.size() && s.selected == (rows != nullptr ? rows->numel() : s.tokens));
  std::vector<at::Tensor> result;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const bool chosen = l + 1 == layers_.size() && s.rows.defined();  // the last block has worked on these rows alone
    const std::int64_t n = chosen ? s.selected : s.tokens;
    const at::Tensor all = s.layers[l].activated.narrow(0, 0, n * config_.feed_forward).view({n, config_.feed_forward});
    result.push_back(rows == nullptr || chosen ? all.clone() : all.index_select(0, *rows));
  }
  return result;
}

template at::Tensor Transformer::forward_typed<float>(const at::Tensor&, const TokenBatch&, const at::Tensor*,
                                                      Activations*, std::vector<at::Tensor>*, CachedTokens*) const;
template at::Tensor Transformer::forward_typed<double>(const at::Tensor&, const TokenBatch&, const at::Tensor*,
                                                       Activations*, std::vector<at::Tensor>*, CachedTokens*) const;

}  // namespace stet
