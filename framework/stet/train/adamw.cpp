#include <stet/train/adamw.hpp>

#include <algorithm>
#include <cmath>

namespace stet {

template <class T>
void adamw_update(const AdamWStep& o, T* __restrict__ values, const T* __restrict__ gradients, T* __restrict__ first,
                  T* __restrict__ second, const std::uint8_t* mask, std::int64_t count, double scale) {
  const auto step = static_cast<double>(o.step);
  const T b1 = static_cast<T>(o.beta1), b2 = static_cast<T>(o.beta2), s = static_cast<T>(scale);
  const T correction1 = static_cast<T>(o.rate / (1 - std::pow(o.beta1, step)));
  const T correction2 = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta2, step)));
  const T keep = static_cast<T>(1 - o.rate * o.weight_decay), epsilon = static_cast<T>(o.epsilon);
  const auto update = [&](std::int64_t i) {
    const T g = gradients[i] * s;
    const T m = first[i] = b1 * first[i] + (T(1) - b1) * g;
    const T v = second[i] = b2 * second[i] + (T(1) - b2) * g * g;
    values[i] = values[i] * keep - correction1 * m / (std::sqrt(v) * correction2 + epsilon);
  };
  if (mask == nullptr) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) update(i);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      if (mask[i] != 0) update(i);
    }
  }
}

template <class T>
double sum_of_squares(const T* values, std::int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

template <class T>
void add_into(T* __restrict__ to, const T* __restrict__ from, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

#define STET_INSTANTIATE(T)                                                                                         \
  template void adamw_update<T>(const AdamWStep&, T*, const T*, T*, T*, const std::uint8_t*, std::int64_t, double); \
  template double sum_of_squares<T>(const T*, std::int64_t);                                                        \
  template void add_into<T>(T*, const T*, std::int64_t);
STET_INSTANTIATE(float)
STET_INSTANTIATE(double)

}  // namespace stet
