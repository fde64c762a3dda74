// Building blocks of kernels_cpu.cpp, losses_cpu.cpp and cached_attention_cpu.cpp, which alone include this: an
// exponential that loops over it vectorize with, and products of small matrices that stay in the first-level cache,
// where a call into BLAS costs more than the work. Loops are written so that g++ vectorizes them: restrict pointers and
// `omp simd` reductions. -ffast-math is not used: sums are reordered only where a reduction says so, so results are the
// same at every run.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#define STET_RESTRICT __restrict__
// A call inside a loop keeps it from being vectorized, and g++ stops inlining in large functions.
#define STET_INLINE __attribute__((always_inline)) inline

namespace stet::kernels {

/// exp(x) for float, vectorizable: 2^k * p(r), Cephes' polynomial, at most 2 ulp on [-87, 88]; clamped outside.
STET_INLINE float fast_exp(float x) noexcept {
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float k = __builtin_nearbyintf(x * 1.44269504088896341F);
  const float r = (x - k * 0.693359375F) + k * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto exponent = static_cast<std::int32_t>(k) + 127;
  return p * std::bit_cast<float>(exponent << 23);
}
STET_INLINE double fast_exp(double x) noexcept { return std::exp(x); }

template <class T>
STET_INLINE T sigmoid(T x) noexcept {
  return T(1) / (T(1) + fast_exp(-x));
}

template <class T>
inline T dot(const T* STET_RESTRICT a, const T* STET_RESTRICT b, std::int64_t n) noexcept {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T>
inline void add_scaled(T* STET_RESTRICT y, const T* STET_RESTRICT x, T scale, std::int64_t n) noexcept {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

/// The widest vector that the processor multiplies at once.
template <class T>
struct Lanes {
#if defined(__AVX512F__)
  static constexpr int bytes = 64;
#elif defined(__AVX__)
  static constexpr int bytes = 32;
#else
  static constexpr int bytes = 16;
#endif
  static constexpr int width = bytes / static_cast<int>(sizeof(T));
  typedef T Vector __attribute__((vector_size(bytes)));  // NOLINT(modernize-use-using): g++ wants it so in a template

  static Vector load(const T* from) noexcept {
    Vector value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  static void store(T* to, Vector value) noexcept { std::memcpy(to, &value, sizeof value); }

  /// fast_exp of each lane, where the compiler would not vectorize: in loops over a vector or two.
  static STET_INLINE Vector exp(Vector x) noexcept {
    if constexpr (sizeof(T) == sizeof(float)) {
      x = x < T(-87) ? Vector{} - T(87) : x;
      x = x > T(88) ? Vector{} + T(88) : x;
      constexpr T shift = 12582912;  // 1.5 * 2^23: added, it leaves the nearest integer in the low bits
      const Vector shifted = x * T(1.44269504088896341) + shift;
      const Vector k = shifted - shift;
      const Vector r = (x - k * T(0.693359375)) + k * T(2.12194440e-4);
      Vector p = r * T(1.9875691500e-4) + T(1.3981999507e-3);
      p = p * r + T(8.3334519073e-3);
      p = p * r + T(4.1665795894e-2);
      p = p * r + T(1.6666665459e-1);
      p = p * r + T(5.0000001201e-1);
      p = p * r * r + r + T(1);
      typedef std::int32_t Integers __attribute__((vector_size(bytes)));  // NOLINT(modernize-use-using)
      const Integers power =
          (reinterpret_cast<Integers>(shifted) - std::bit_cast<std::int32_t>(static_cast<float>(shift)) + 127) << 23;
      return p * reinterpret_cast<Vector>(power);
    } else {
      for (int i = 0; i < width; ++i) x[i] = fast_exp(x[i]);
      return x;
    }
  }
  static STET_INLINE Vector max(Vector a, Vector b) noexcept { return a < b ? b : a; }

  /// `value` where first + lane < count, `otherwise` in the other lanes.
  static STET_INLINE Vector keep(Vector value, std::int64_t first, std::int64_t count, T otherwise) noexcept {
    Vector lane;
    for (int i = 0; i < width; ++i) lane[i] = static_cast<T>(i);
    return lane < static_cast<T>(count - first) ? value : Vector{} + otherwise;
  }

  /// Transposes a square of `width` vectors in place. Each round rotates the bits of (row, column) by one place: after
  /// log2(width) rounds the two have changed places.
  static STET_INLINE void transpose(Vector (&square)[width]) noexcept {
    transpose(square, std::make_index_sequence<width>());
  }

 private:
  template <std::size_t... I>
  static STET_INLINE void transpose(Vector (&square)[width], std::index_sequence<I...> /*lanes*/) noexcept {
#pragma GCC unroll 4
    for (int round = 1; round < width; round *= 2) {
      Vector next[width];
#pragma GCC unroll 8
      for (int i = 0; i < width / 2; ++i) {
        const Vector a = square[i], b = square[i + width / 2];
        next[2 * i] = __builtin_shufflevector(a, b, static_cast<int>(I / 2 + I % 2 * width)...);
        next[2 * i + 1] = __builtin_shufflevector(a, b, static_cast<int>(width / 2 + I / 2 + I % 2 * width)...);
      }
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) square[i] = next[i];
    }
  }
};

/// Working memory, aligned to cache lines, not initialised.
template <class T>
class Scratch {
 public:
  /// At least `count` elements; what was in them is lost.
  [[nodiscard]] T* reserve(std::int64_t count) {
    if (count > capacity_) {
      data_.reset(static_cast<T*>(::operator new(static_cast<std::size_t>(count) * sizeof(T), alignment)));
      capacity_ = count;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(T* data) const noexcept { ::operator delete(data, alignment); }
  };
  std::unique_ptr<T, Free> data_;
  std::int64_t capacity_ = 0;
};

/// Rows of a register tile in product(): with two vectors each they leave room for the operands in 16 registers.
inline constexpr int tile_rows = 6;

/// What rows of a tile keep, one number each; as long as the next multiple of a vector.
template <class T>
using RowValues = std::array<T, (tile_rows + Lanes<T>::width - 1) / Lanes<T>::width * Lanes<T>::width>;

/// Combines the lanes of each row's vector by `operation`: all rows at once, by transposing, since one after the other
/// would only wait for additions.
template <class T, class Operation>
STET_INLINE RowValues<T> reduce_rows(const typename Lanes<T>::Vector (&rows)[tile_rows],
                                     Operation&& operation) noexcept {
  using L = Lanes<T>;
  RowValues<T> result;
  for (int first = 0; first < tile_rows; first += L::width) {
    typename L::Vector square[L::width] = {};
    for (int i = 0; i < std::min<int>(L::width, tile_rows - first); ++i) square[i] = rows[first + i];
    L::transpose(square);
    for (int i = 1; i < L::width; ++i) square[0] = operation(square[0], square[i]);
    L::store(result.data() + first, square[0]);
  }
  return result;
}

/// One operand of product(): element (row, k) is data[row * row_step + k * step].
template <class T>
struct Coefficients {
  const T* data;
  std::int64_t row_step, step;
};

namespace detail {

template <int R, int C, bool add, class T>
inline void product_tile(const T* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step,
                         std::int64_t count, T* out, std::int64_t out_step) noexcept {
  using L = Lanes<T>;
  typename L::Vector sum[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = add ? L::load(out + r * out_step + c * L::width) : typename L::Vector{};
  }
  for (std::int64_t k = 0; k < count; ++k) {
    typename L::Vector row[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) row[c] = L::load(b + k * b_step + c * L::width);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const T factor = a[r * a_row + k * a_step];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[r][c] += factor * row[c];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) L::store(out + r * out_step + c * L::width, sum[r][c]);
  }
}

template <int R, bool add, class T>
inline void product_rows(const T* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step,
                         std::int64_t count, T* out, std::int64_t out_step, std::int64_t columns) noexcept {
  constexpr std::int64_t W = Lanes<T>::width;
  std::int64_t column = 0;
  for (; column + 2 * W <= columns; column += 2 * W)
    product_tile<R, 2, add>(a, a_row, a_step, b + column, b_step, count, out + column, out_step);
  for (; column + W <= columns; column += W)
    product_tile<R, 1, add>(a, a_row, a_step, b + column, b_step, count, out + column, out_step);
  for (; column < columns; ++column) {
    for (int r = 0; r < R; ++r) {
      T sum = add ? out[r * out_step + column] : T(0);
      for (std::int64_t k = 0; k < count; ++k) sum += a[r * a_row + k * a_step] * b[k * b_step + column];
      out[r * out_step + column] = sum;
    }
  }
}

}  // namespace detail

/// out(row, column) = sum over k < count of a(row, k) * b[k * b_step + column], or += with `add`, for `rows` (at most
/// tile_rows) x `columns`. `out` must not overlap the operands.
template <bool add, class T>
STET_INLINE void product(std::int64_t rows, std::int64_t columns, std::int64_t count, Coefficients<T> a, const T* b,
                         std::int64_t b_step, T* out, std::int64_t out_step) noexcept {
  static_assert(tile_rows == 6);
  switch (rows) {
    case 1: return detail::product_rows<1, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
    case 2: return detail::product_rows<2, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
    case 3: return detail::product_rows<3, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
    case 4: return detail::product_rows<4, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
    case 5: return detail::product_rows<5, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
    default: return detail::product_rows<6, add>(a.data, a.row_step, a.step, b, b_step, count, out, out_step, columns);
  }
}

/// Cuts [begin, end) into as few tiles as possible, of nearly equal height, and calls visit(first, rows) for each.
template <class Visit>
inline void for_each_tile(std::int64_t begin, std::int64_t end, Visit&& visit) {
  const std::int64_t count = end - begin, tiles = (count + tile_rows - 1) / tile_rows;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t first = begin + count * i / tiles;
    visit(first, begin + count * (i + 1) / tiles - first);
  }
}

}  // namespace stet::kernels
