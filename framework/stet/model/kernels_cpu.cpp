#include <stet/model/kernels_cpu.hpp>

#include <stet/model/kernels/attention_cpu.hpp>
#include <stet/model/kernels/vector_math.hpp>

#include <algorithm>
#include <cmath>

namespace stet::kernels {

template <class T>
void embed(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions, const T* table,
           const T* positions_table, T* out, std::int64_t d) {
  for (std::size_t n = 0; n < tokens.size(); ++n) {
    T* row = out + static_cast<std::int64_t>(n) * d;
    std::copy_n(table + tokens[n] * d, d, row);
    if (positions_table != nullptr) add_scaled(row, positions_table + positions[n] * d, T(1), d);
  }
}

template <class T>
void embed_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions, const T* d_out,
                    T* d_table, T* d_positions_table, std::int64_t d) {
  for (std::size_t n = 0; n < tokens.size(); ++n) {
    const T* row = d_out + static_cast<std::int64_t>(n) * d;
    if (d_table != nullptr) add_scaled(d_table + tokens[n] * d, row, T(1), d);
    if (d_positions_table != nullptr) add_scaled(d_positions_table + positions[n] * d, row, T(1), d);
  }
}

template <class T>
void rms_norm(const T* x, const T* weight, T* out, T* rstd, std::int64_t rows, std::int64_t d, double eps) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT in = x + n * d;
    T* STET_RESTRICT to = out + n * d;
    const T r = T(1) / std::sqrt(dot(in, in, d) / static_cast<T>(d) + static_cast<T>(eps));
    rstd[n] = r;
#pragma omp simd
    for (std::int64_t i = 0; i < d; ++i) to[i] = in[i] * r * weight[i];
  }
}

template <class T>
void rms_norm_backward(const T* d_out, const T* x, const T* weight, const T* rstd, T* d_x, T* d_weight,
                       std::int64_t rows, std::int64_t d) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT in = x + n * d;
    const T* STET_RESTRICT g = d_out + n * d;
    T* STET_RESTRICT to = d_x + n * d;
    const T r = rstd[n];
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += g[i] * weight[i] * in[i];
    const T c = sum * r * r * r / static_cast<T>(d);
#pragma omp simd
    for (std::int64_t i = 0; i < d; ++i) to[i] += g[i] * weight[i] * r - in[i] * c;
    if (d_weight != nullptr) {
#pragma omp simd
      for (std::int64_t i = 0; i < d; ++i) d_weight[i] += g[i] * in[i] * r;
    }
  }
}

template <class T>
void layer_norm(const T* x, const T* weight, const T* bias, T* out, T* mean, T* rstd, std::int64_t rows, std::int64_t d,
                double eps) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT in = x + n * d;
    T* STET_RESTRICT to = out + n * d;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < d; ++i) sum += in[i];
    const T m = sum / static_cast<T>(d);
    T squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < d; ++i) squares += (in[i] - m) * (in[i] - m);
    const T r = T(1) / std::sqrt(squares / static_cast<T>(d) + static_cast<T>(eps));
    mean[n] = m;
    rstd[n] = r;
#pragma omp simd
    for (std::int64_t i = 0; i < d; ++i) to[i] = (in[i] - m) * r * weight[i] + bias[i];
  }
}

template <class T>
void layer_norm_backward(const T* d_out, const T* x, const T* weight, const T* mean, const T* rstd, T* d_x, T* d_weight,
                         T* d_bias, std::int64_t rows, std::int64_t d) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT in = x + n * d;
    const T* STET_RESTRICT g = d_out + n * d;
    T* STET_RESTRICT to = d_x + n * d;
    const T m = mean[n], r = rstd[n];
    T sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (std::int64_t i = 0; i < d; ++i) {
      const T t = g[i] * weight[i];
      sum += t;
      product += t * (in[i] - m) * r;
    }
    const T a = sum / static_cast<T>(d), b = product / static_cast<T>(d);
#pragma omp simd
    for (std::int64_t i = 0; i < d; ++i) to[i] += r * (g[i] * weight[i] - a - (in[i] - m) * r * b);
    if (d_weight != nullptr) {
#pragma omp simd
      for (std::int64_t i = 0; i < d; ++i) d_weight[i] += g[i] * (in[i] - m) * r;
    }
    if (d_bias != nullptr) add_scaled(d_bias, g, T(1), d);
  }
}

template <class T>
void rotate(T* x, std::int64_t stride, std::span<const std::int32_t> positions, std::int64_t heads, std::int64_t D,
            std::int64_t R, const T* cosine, const T* sine, T sign) {
  const std::int64_t half = R / 2;
  for (std::size_t n = 0; n < positions.size(); ++n) {
    const T* STET_RESTRICT c = cosine + positions[n] * half;
    const T* STET_RESTRICT s = sine + positions[n] * half;
    for (std::int64_t h = 0; h < heads; ++h) {
      T* STET_RESTRICT a = x + static_cast<std::int64_t>(n) * stride + h * D;
      T* STET_RESTRICT b = a + half;
#pragma omp simd
      for (std::int64_t i = 0; i < half; ++i) {
        const T u = a[i], v = b[i], w = sign * s[i];
        a[i] = u * c[i] - v * w;
        b[i] = v * c[i] + u * w;
      }
    }
  }
}

template <class T>
void attention(const AttentionShape& shape, const T* qkv, T* out, T* log_sum) {
  attention_body(shape, qkv, out, log_sum);
}

template <class T>
void attention_backward(const AttentionShape& shape, const T* qkv, const T* out, const T* log_sum, const T* d_out,
                        T* d_qkv) {
  attention_backward_body(shape, qkv, out, log_sum, d_out, d_qkv);
}

template <class T>
void swiglu(const T* gate_up, T* out, std::int64_t rows, std::int64_t F) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT gate = gate_up + n * 2 * F;
    const T* STET_RESTRICT up = gate + F;
    T* STET_RESTRICT to = out + n * F;
#pragma omp simd
    for (std::int64_t i = 0; i < F; ++i) to[i] = gate[i] * sigmoid(gate[i]) * up[i];
  }
}

template <class T>
void swiglu_backward(const T* d_out, const T* gate_up, T* d_gate_up, std::int64_t rows, std::int64_t F) {
  for (std::int64_t n = 0; n < rows; ++n) {
    const T* STET_RESTRICT gate = gate_up + n * 2 * F;
    const T* STET_RESTRICT up = gate + F;
    const T* STET_RESTRICT grad = d_out + n * F;
    T* STET_RESTRICT d_gate = d_gate_up + n * 2 * F;
    T* STET_RESTRICT d_up = d_gate + F;
#pragma omp simd
    for (std::int64_t i = 0; i < F; ++i) {
      const T s = sigmoid(gate[i]), value = gate[i] * s;
      d_up[i] = grad[i] * value;
      d_gate[i] = grad[i] * up[i] * (s + value * (T(1) - s));
    }
  }
}

namespace {
constexpr double gelu_scale = 0.79788456080286535588, gelu_cubic = 0.044715;  // sqrt(2/pi)
constexpr double root_half = 0.70710678118654752440,
                 normal_density = 0.39894228040143267794;  // sqrt(1/2), 1/sqrt(2 pi)

template <class T>
inline T tanh_of(T x) noexcept {
  return T(2) * sigmoid(T(2) * x) - T(1);
}
}  // namespace

template <class T>
void gelu(const T* x, T* out, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T v = x[i];
    out[i] = T(0.5) * v * (T(1) + tanh_of(T(gelu_scale) * (v + T(gelu_cubic) * v * v * v)));
  }
}

template <class T>
void gelu_backward(const T* d_out, const T* x, T* d_x, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const T v = x[i];
    const T t = tanh_of(T(gelu_scale) * (v + T(gelu_cubic) * v * v * v));
    const T inner = T(gelu_scale) * (T(1) + T(3 * gelu_cubic) * v * v);
    d_x[i] = d_out[i] * (T(0.5) * (T(1) + t) + T(0.5) * v * (T(1) - t * t) * inner);
  }
}

template <class T>
void gelu_erf(const T* x, T* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = T(0.5) * x[i] * (T(1) + std::erf(x[i] * T(root_half)));
}

template <class T>
void gelu_erf_backward(const T* d_out, const T* x, T* d_x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T v = x[i];
    d_x[i] =
        d_out[i] * (T(0.5) * (T(1) + std::erf(v * T(root_half))) + v * T(normal_density) * std::exp(T(-0.5) * v * v));
  }
}

template <class T>
void add_bias(T* x, const T* bias, std::int64_t rows, std::int64_t d) {
  for (std::int64_t n = 0; n < rows; ++n) add_scaled(x + n * d, bias, T(1), d);
}

template <class T>
void bias_backward(const T* d_out, T* d_bias, std::int64_t rows, std::int64_t d) {
  for (std::int64_t n = 0; n < rows; ++n) add_scaled(d_bias, d_out + n * d, T(1), d);
}

const char* compiled_for() noexcept {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__SSE2__)
  return "SSE2";
#else
  return "plain C++";
#endif
}

#define STET_INSTANTIATE(T)                                                                                          \
  template void embed<T>(std::span<const std::int32_t>, std::span<const std::int32_t>, const T*, const T*, T*,       \
                         std::int64_t);                                                                              \
  template void embed_backward<T>(std::span<const std::int32_t>, std::span<const std::int32_t>, const T*, T*, T*,    \
                                  std::int64_t);                                                                     \
  template void rms_norm<T>(const T*, const T*, T*, T*, std::int64_t, std::int64_t, double);                         \
  template void rms_norm_backward<T>(const T*, const T*, const T*, const T*, T*, T*, std::int64_t, std::int64_t);    \
  template void layer_norm<T>(const T*, const T*, const T*, T*, T*, T*, std::int64_t, std::int64_t, double);         \
  template void layer_norm_backward<T>(const T*, const T*, const T*, const T*, const T*, T*, T*, T*, std::int64_t,   \
                                       std::int64_t);                                                                \
  template void rotate<T>(T*, std::int64_t, std::span<const std::int32_t>, std::int64_t, std::int64_t, std::int64_t, \
                          const T*, const T*, T);                                                                    \
  template void attention<T>(const AttentionShape&, const T*, T*, T*);                                               \
  template void attention_backward<T>(const AttentionShape&, const T*, const T*, const T*, const T*, T*);            \
  template void swiglu<T>(const T*, T*, std::int64_t, std::int64_t);                                                 \
  template void swiglu_backward<T>(const T*, const T*, T*, std::int64_t, std::int64_t);                              \
  template void gelu<T>(const T*, T*, std::int64_t);                                                                 \
  template void gelu_backward<T>(const T*, const T*, T*, std::int64_t);                                              \
  template void gelu_erf<T>(const T*, T*, std::int64_t);                                                             \
  template void gelu_erf_backward<T>(const T*, const T*, T*, std::int64_t);                                          \
  template void add_bias<T>(T*, const T*, std::int64_t, std::int64_t);                                               \
  template void bias_backward<T>(const T*, T*, std::int64_t, std::int64_t);
STET_INSTANTIATE(float)
STET_INSTANTIATE(double)

}  // namespace stet::kernels
