// AdamW (Loshchilov & Hutter 2019) over flat buffers, in one pass over memory, and the norms that clipping needs.
#pragma once

#include <cstdint>

namespace stet {

struct AdamWStep {
  double rate, beta1, beta2, epsilon, weight_decay;
  std::int64_t step;  ///< 1 for the first: bias correction
};

/// values, first, second are updated in place; `scale` multiplies the gradients (clipping). `mask` (one byte an
/// element, 0: leave alone) may be null.
template <class T>
void adamw_update(const AdamWStep& options, T* values, const T* gradients, T* first, T* second,
                  const std::uint8_t* mask, std::int64_t count, double scale);

/// Sum of squares in double, in an order fixed by `count` alone.
template <class T>
[[nodiscard]] double sum_of_squares(const T* values, std::int64_t count);

/// to[i] += from[i]
template <class T>
void add_into(T* to, const T* from, std::int64_t count);

}  // namespace stet
