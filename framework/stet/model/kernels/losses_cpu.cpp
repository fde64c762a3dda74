// The kernels that go from logits to a loss and its gradient: cross_entropy() and distillation() of kernels_cpu.hpp.
#include <stet/model/kernels_cpu.hpp>

#include <stet/model/kernels/vector_math.hpp>

#include <algorithm>
#include <cmath>

namespace stet::kernels {

template <class T>
void cross_entropy(const T* logits, const std::int64_t* targets, const T* weights, T* losses, T* d_logits,
                   std::int64_t* best, std::int64_t rows, std::int64_t classes) {
  for (std::int64_t p = 0; p < rows; ++p) {
    const T* z = logits + p * classes;
    T largest = z[0];
#pragma omp simd reduction(max : largest)
    for (std::int64_t i = 0; i < classes; ++i) largest = z[i] > largest ? z[i] : largest;
    if (best != nullptr) {
      const T* const found = std::find(z, z + classes, largest);
      best[p] = found == z + classes ? 0 : found - z;  // nan equals nothing
    }
    const T target = z[targets[p]];
    T sum = 0;
    if (d_logits == nullptr) {
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < classes; ++i) sum += fast_exp(z[i] - largest);
    } else {
      T* to = d_logits + p * classes;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = 0; i < classes; ++i) {
        const T e = fast_exp(z[i] - largest);
        to[i] = e;
        sum += e;
      }
      const T factor = weights[p] / sum;
#pragma omp simd
      for (std::int64_t i = 0; i < classes; ++i) to[i] *= factor;
      to[targets[p]] -= weights[p];
    }
    losses[p] = largest + std::log(sum) - target;
  }
}

template <class T>
void distillation(const T* student, const T* teacher, const T* weights, T* losses, T* d_student, std::int64_t rows,
                  std::int64_t classes, double tau, bool reverse) {
  const T inverse = T(1 / tau), tau_squared = T(tau * tau);
  const auto log_sum_of = [classes, inverse](const T* z) {
    T largest = z[0];
#pragma omp simd reduction(max : largest)
    for (std::int64_t i = 0; i < classes; ++i) largest = z[i] > largest ? z[i] : largest;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < classes; ++i) sum += fast_exp((z[i] - largest) * inverse);
    return largest * inverse + std::log(sum);
  };
  for (std::int64_t p = 0; p < rows; ++p) {
    const T* STET_RESTRICT s = student + p * classes;
    const T* STET_RESTRICT t = teacher + p * classes;
    T* STET_RESTRICT to = d_student + p * classes;
    const T ls = log_sum_of(s), lt = log_sum_of(t);
    T divergence = 0;
    if (!reverse) {  // KL(t || s): gradient (q - p) / tau
      const T factor = weights[p] * tau_squared * inverse;
#pragma omp simd reduction(+ : divergence)
      for (std::int64_t i = 0; i < classes; ++i) {
        const T log_p = t[i] * inverse - lt, log_q = s[i] * inverse - ls;
        const T probability = fast_exp(log_p);
        divergence += probability * (log_p - log_q);
        to[i] = factor * (fast_exp(log_q) - probability);
      }
    } else {  // KL(s || t): gradient q (log q - log p - KL) / tau
#pragma omp simd reduction(+ : divergence)
      for (std::int64_t i = 0; i < classes; ++i) {
        const T log_p = t[i] * inverse - lt, log_q = s[i] * inverse - ls;
        divergence += fast_exp(log_q) * (log_q - log_p);
      }
      const T factor = weights[p] * tau_squared * inverse;
#pragma omp simd
      for (std::int64_t i = 0; i < classes; ++i) {
        const T log_p = t[i] * inverse - lt, log_q = s[i] * inverse - ls;
        to[i] = factor * fast_exp(log_q) * (log_q - log_p - divergence);
      }
    }
    losses[p] = tau_squared * divergence;
  }
}

#define STET_INSTANTIATE(T)                                                                                    \
  template void cross_entropy<T>(const T*, const std::int64_t*, const T*, T*, T*, std::int64_t*, std::int64_t, \
                                 std::int64_t);                                                                \
  template void distillation<T>(const T*, const T*, const T*, T*, T*, std::int64_t, std::int64_t, double, bool);
STET_INSTANTIATE(float)
STET_INSTANTIATE(double)

}  // namespace stet::kernels
