// The element-wise and attention kernels of the transformer on a CPU: fused, vectorized by the compiler,
// single-threaded (one rank is one thread; parallelism is between ranks). Matrix products are not here: they go to
// libtorch's BLAS. Every kernel exists in float and double and is tested against a plain composition of libtorch
// operators.
//
// Notation: N tokens of all sequences laid end to end, d the model's width, H heads, G key/value heads, D head width.
// Gradient outputs named `d_*` are added to (+=) where the comment says so, otherwise overwritten.
#pragma once

#include <cstdint>
#include <span>

namespace stet::kernels {

/// out[n] = table[tokens[n]] (+ positions_table[positions[n]] if not null).  out: [N, d]
template <class T>
void embed(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions, const T* table,
           const T* positions_table, T* out, std::int64_t d);
/// Adds the rows of d_out to d_table and, where not null, d_positions_table.
template <class T>
void embed_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions, const T* d_out,
                    T* d_table, T* d_positions_table, std::int64_t d);

/// out = x / sqrt(mean(x^2) + eps) * weight, row by row.  x, out: [N, d]; rstd: [N]
template <class T>
void rms_norm(const T* x, const T* weight, T* out, T* rstd, std::int64_t rows, std::int64_t d, double eps);
/// d_x += gradient; d_weight += gradient if not null.
template <class T>
void rms_norm_backward(const T* d_out, const T* x, const T* weight, const T* rstd, T* d_x, T* d_weight,
                       std::int64_t rows, std::int64_t d);

/// out = (x - mean) * rstd * weight + bias.  mean, rstd: [N]
template <class T>
void layer_norm(const T* x, const T* weight, const T* bias, T* out, T* mean, T* rstd, std::int64_t rows, std::int64_t d,
                double eps);
/// d_x += gradient; d_weight, d_bias += gradient where not null.
template <class T>
void layer_norm_backward(const T* d_out, const T* x, const T* weight, const T* mean, const T* rstd, T* d_x, T* d_weight,
                         T* d_bias, std::int64_t rows, std::int64_t d);

/// Rotary positions in place (Su et al. 2021, halves convention of Llama and Qwen2): for each of `heads` heads of width
/// D at `x + n * stride`, the pair (i, i + R/2) of the first R elements turns by positions[n] * frequency[i]; the
/// others stay. `sign` -1 is the inverse (backward). cosine, sine: [positions, R/2].
template <class T>
void rotate(T* x, std::int64_t stride, std::span<const std::int32_t> positions, std::int64_t heads, std::int64_t D,
            std::int64_t R, const T* cosine, const T* sine, T sign);

/// Shape of a causal self-attention over sequences laid end to end.
struct AttentionShape {
  std::span<const std::int32_t> offsets;  ///< [B + 1] first token of each sequence
  std::int64_t heads, kv_heads, head_width;
};
/// qkv: [N, (H + 2 G) D], the queries of all heads, then keys, then values; out: [N, H D];
/// log_sum: [H, N] log of the softmax denominators (kept for backward).
template <class T>
void attention(const AttentionShape& shape, const T* qkv, T* out, T* log_sum);
/// d_qkv is overwritten. `out` and `log_sum` are attention's results, d_out: [N, H D].
template <class T>
void attention_backward(const AttentionShape& shape, const T* qkv, const T* out, const T* log_sum, const T* d_out,
                        T* d_qkv);

/// out = silu(gate) * up.  gate_up: [N, 2 F] (gate, then up); out: [N, F]
template <class T>
void swiglu(const T* gate_up, T* out, std::int64_t rows, std::int64_t F);
template <class T>
void swiglu_backward(const T* d_out, const T* gate_up, T* d_gate_up, std::int64_t rows, std::int64_t F);

/// The tanh form of GELU, as in GPT-2.
template <class T>
void gelu(const T* x, T* out, std::int64_t count);
template <class T>
void gelu_backward(const T* d_out, const T* x, T* d_x, std::int64_t count);
/// x Phi(x), by the error function, as in GPT-NeoX.
template <class T>
void gelu_erf(const T* x, T* out, std::int64_t count);
template <class T>
void gelu_erf_backward(const T* d_out, const T* x, T* d_x, std::int64_t count);

/// Softmax, negative log likelihood and gradient in one pass over the logits [P, V] (V = `classes`):
/// loss[p] = -log softmax(logits[p])[target[p]], d_logits[p] = weight[p] * (softmax - onehot). d_logits may be null, or
/// the same as logits. best[p] (may be null) = the arg-max, the lowest index among equals, always a valid index (with
/// nan among the logits: some index).
template <class T>
void cross_entropy(const T* logits, const std::int64_t* targets, const T* weights, T* losses, T* d_logits,
                   std::int64_t* best, std::int64_t rows, std::int64_t classes);

/// Distillation at temperature tau, row by row: loss[p] = tau^2 KL(softmax(t/tau) || softmax(s/tau)), or with `reverse`
/// tau^2 KL(softmax(s/tau) || softmax(t/tau)); d_student[p] = weight[p] * dloss/ds. (Hinton et al. 2015; arXiv
/// 2604.15574, Eq. 2.)
template <class T>
void distillation(const T* student, const T* teacher, const T* weights, T* losses, T* d_student, std::int64_t rows,
                  std::int64_t classes, double tau, bool reverse);

/// x[n] += bias for every row.
template <class T>
void add_bias(T* x, const T* bias, std::int64_t rows, std::int64_t d);
/// d_bias += sum over rows of d_out.
template <class T>
void bias_backward(const T* d_out, T* d_bias, std::int64_t rows, std::int64_t d);

/// The instruction set these kernels were compiled for ("AVX2", ...), for `stet doctor`.
[[nodiscard]] const char* compiled_for() noexcept;

}  // namespace stet::kernels
