// The bodies of attention() and attention_backward(), which kernels_cpu.hpp describes. Included by kernels_cpu.cpp
// alone.
//
// Sequences of facts are short (some ten tokens) and heads narrow, so that all of one head's work on a sequence fits
// the first-level cache. It is done as products of small matrices over tiles of queries. Scores need the keys
// transposed: they are packed into panels of two vectors' width, [panel][D][2 W]. Whatever comes out of a panel's
// columns beyond the query is replaced by zeros before it is used.
#pragma once

#include <stet/model/kernels/vector_math.hpp>
#include <stet/model/kernels_cpu.hpp>

#include <limits>
#include <type_traits>

namespace stet::kernels {

template <class T>
class Panels {
 public:
  static constexpr std::int64_t width = 2 * Lanes<T>::width;

  /// Packs the transpose of `count` rows of D elements; the last row is repeated to the end of the panel.
  void pack(const T* rows, std::int64_t step, std::int64_t count, std::int64_t D) {
    D_ = D;
    const std::int64_t panels = (count + width - 1) / width;
    data_ = memory_.reserve(panels * D * width);
    for (std::int64_t u = 0; u < panels * width; u += W) {
      T* const to = data_ + u / width * D * width + u % width;
      const auto row = [&](std::int64_t r) { return rows + std::min(u + r, count - 1) * step; };
      std::int64_t i = 0;
      for (; i + W <= D; i += W) {
        typename Lanes<T>::Vector square[W];
        for (std::int64_t r = 0; r < W; ++r) square[r] = Lanes<T>::load(row(r) + i);
        Lanes<T>::transpose(square);
        for (std::int64_t r = 0; r < W; ++r) Lanes<T>::store(to + (i + r) * width, square[r]);
      }
      for (; i < D; ++i) {
        for (std::int64_t r = 0; r < W; ++r) to[i * width + r] = row(r)[i];
      }
    }
  }

  /// out(r, u) = rows(r) . packed row u, for u up to `columns` rounded up to whole vectors.
  void dots(std::int64_t rows, const T* left, std::int64_t left_step, std::int64_t columns, T* out,
            std::int64_t out_step) const {
    for (std::int64_t u = 0; u < columns; u += width) {
      product<false, T>(rows, columns - u > W ? 2 * W : W, D_, {left, left_step, 1}, data_ + u * D_, width, out + u,
                        out_step);
    }
  }

 private:
  static constexpr std::int64_t W = Lanes<T>::width;

  Scratch<T> memory_;
  T* data_ = nullptr;
  std::int64_t D_ = 0;
};

/// `columns` rounded up to whole panels: the row length of a matrix of scores.
template <class T>
std::int64_t padded(std::int64_t columns) {
  return (columns + Panels<T>::width - 1) / Panels<T>::width * Panels<T>::width;
}

/// Row r of a tile of scores, s[r * step + u], becomes softmax over u < count + r of scale * s, and 0 in the vectors'
/// other lanes. log_sums[r] = log of the sum of exp(scale * s).
template <class T>
void softmax(T* s, std::int64_t step, std::int64_t rows, std::int64_t count, T scale, T* log_sums) {
  using L = Lanes<T>;
  using V = typename L::Vector;
  V lanes[tile_rows] = {};
  for (std::int64_t r = 0; r < rows; ++r) {
    lanes[r] = V{} + s[r * step];
    for (std::int64_t u = 0; u < count + r; u += L::width) {
      lanes[r] = L::max(lanes[r], L::keep(L::load(s + r * step + u), u, count + r, std::numeric_limits<T>::lowest()));
    }
  }
  const RowValues<T> largest = reduce_rows<T>(lanes, [](V a, V b) { return L::max(a, b); });
  for (std::int64_t r = 0; r < rows; ++r) {
    lanes[r] = V{};
    for (std::int64_t u = 0; u < count + rows - 1; u += L::width) {
      const V e = L::keep(L::exp((L::load(s + r * step + u) - largest[static_cast<std::size_t>(r)]) * scale), u,
                          count + r, T(0));
      lanes[r] += e;
      L::store(s + r * step + u, e);
    }
  }
  const RowValues<T> sum = reduce_rows<T>(lanes, [](V a, V b) { return a + b; });
  for (std::int64_t r = 0; r < rows; ++r) {
    const T inverse = T(1) / sum[static_cast<std::size_t>(r)];
    for (std::int64_t u = 0; u < count + r; u += L::width)
      L::store(s + r * step + u, L::load(s + r * step + u) * inverse);
    log_sums[r] = largest[static_cast<std::size_t>(r)] * scale + std::log(sum[static_cast<std::size_t>(r)]);
  }
}

/// a(row) . b(row) for the rows of a tile.
template <class T>
RowValues<T> row_dots(const T* a, const T* b, std::int64_t step, std::int64_t rows, std::int64_t D) {
  using L = Lanes<T>;
  using V = typename L::Vector;
  V lanes[tile_rows] = {};
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int64_t i = 0;
    for (; i + L::width <= D; i += L::width) lanes[r] += L::load(a + r * step + i) * L::load(b + r * step + i);
    for (; i < D; ++i) lanes[r][0] += a[r * step + i] * b[r * step + i];
  }
  return reduce_rows<T>(lanes, [](V x, V y) { return x + y; });
}

template <class T>
void attention_body(const AttentionShape& shape, const T* qkv, T* out, T* log_sum) {
  const std::int64_t H = shape.heads, G = shape.kv_heads, D = shape.head_width;
  const std::int64_t stride = (H + 2 * G) * D, N = shape.offsets.back();
  const T scale = T(1) / std::sqrt(static_cast<T>(D));
  Panels<T> keys;
  Scratch<T> memory;
  for (std::size_t sequence = 0; sequence + 1 < shape.offsets.size(); ++sequence) {
    const std::int64_t begin = shape.offsets[sequence], length = shape.offsets[sequence + 1] - begin,
                       S = padded<T>(length);
    T* const scores = memory.reserve(tile_rows * S);
    const T* const first = qkv + begin * stride;
    for (std::int64_t h = 0; h < H; ++h) {
      const std::int64_t g = h / (H / G);
      if (h % (H / G) == 0) keys.pack(first + (H + g) * D, stride, length, D);
      for_each_tile(0, length, [&](std::int64_t t, std::int64_t rows) {
        const std::int64_t seen = t + rows;  // by the tile's last row
        keys.dots(rows, first + t * stride + h * D, stride, seen, scores, S);
        softmax(scores, S, rows, t + 1, scale, log_sum + h * N + begin + t);
        product<false, T>(rows, D, seen, {scores, S, 1}, first + (H + G + g) * D, stride,
                          out + ((begin + t) * H + h) * D, H * D);
      });
    }
  }
}

template <class T>
void attention_backward_body(const AttentionShape& shape, const T* qkv, const T* out, const T* log_sum, const T* d_out,
                             T* d_qkv) {
  using L = Lanes<T>;
  const std::int64_t H = shape.heads, G = shape.kv_heads, D = shape.head_width;
  const std::int64_t stride = (H + 2 * G) * D, N = shape.offsets.back();
  const T scale = T(1) / std::sqrt(static_cast<T>(D));
  constexpr std::int64_t block_rows = 8 * tile_rows;  // queries whose probabilities are kept at a time
  Panels<T> keys, values;
  Scratch<T> memory;
  for (std::size_t sequence = 0; sequence + 1 < shape.offsets.size(); ++sequence) {
    const std::int64_t begin = shape.offsets[sequence], length = shape.offsets[sequence + 1] - begin,
                       S = padded<T>(length);
    T* const probability = memory.reserve(2 * std::min(block_rows, length) * S);
    T* const d_score = probability + std::min(block_rows, length) * S;
    for (std::int64_t h = 0; h < H; ++h) {
      const std::int64_t g = h / (H / G);
      const bool first_of_group = h % (H / G) == 0;
      const T* const query = qkv + begin * stride + h * D;
      const T* const key = qkv + begin * stride + (H + g) * D;
      const T* const grad = d_out + (begin * H + h) * D;
      const T* const mixed = out + (begin * H + h) * D;
      const T* const log_denominator = log_sum + h * N + begin;
      T* const d_query = d_qkv + begin * stride + h * D;
      T* const d_key = d_qkv + begin * stride + (H + g) * D;
      T* const d_value = d_key + G * D;
      if (first_of_group) {
        keys.pack(key, stride, length, D);
        values.pack(key + G * D, stride, length, D);
      }
      for (std::int64_t block = 0; block < length; block += block_rows) {
        const std::int64_t block_end = std::min(block + block_rows, length);
        for_each_tile(block, block_end, [&](std::int64_t t, std::int64_t rows) {
          const std::int64_t seen = t + rows;
          T* const p = probability + (t - block) * S;
          T* const ds = d_score + (t - block) * S;
          keys.dots(rows, query + t * stride, stride, seen, p, S);
          values.dots(rows, grad + t * H * D, H * D, seen, ds, S);
          const RowValues<T> delta = row_dots(grad + t * H * D, mixed + t * H * D, H * D, rows, D);  // sum_u p_u dp_u
          for (std::int64_t r = 0; r < rows; ++r) {
            for (std::int64_t u = r * S; u < r * S + seen; u += L::width) {
              const auto e =
                  L::keep(L::exp(L::load(p + u) * scale - log_denominator[t + r]), u - r * S, t + r + 1, T(0));
              L::store(p + u, e);
              L::store(ds + u, e * (L::load(ds + u) - delta[static_cast<std::size_t>(r)]) * scale);
            }
          }
          product<false, T>(rows, D, seen, {ds, S, 1}, key, stride, d_query + t * stride, stride);
        });
        // A key's rows are first written by the block in which it is a query itself, for the first head of its group.
        // Keys are cut into the same tiles as queries, so that all columns that are read here have been written.
        const auto to_keys = [&]<bool add>(std::int64_t from, std::int64_t to, std::bool_constant<add> /*type*/) {
          for_each_tile(from, to, [&](std::int64_t u, std::int64_t rows) {
            const std::int64_t t = std::max(u, block), at = (t - block) * S + u;
            product<add, T>(rows, D, block_end - t, {d_score + at, 1, S}, query + t * stride, stride,
                            d_key + u * stride, stride);
            product<add, T>(rows, D, block_end - t, {probability + at, 1, S}, grad + t * H * D, H * D,
                            d_value + u * stride, stride);
          });
        };
        to_keys(0, block, std::true_type());
        first_of_group ? to_keys(block, block_end, std::false_type()) : to_keys(block, block_end, std::true_type());
      }
    }
  }
}

}  // namespace stet::kernels
