#include <stet/model/kernels/cached_attention_cpu.hpp>

#include <stet/model/kernels/vector_math.hpp>

#include <limits>

namespace stet::kernels {

namespace {

constexpr std::int64_t block_rows = 8 * tile_rows;  // queries whose scores are kept at a time

/// The part of a piece that lies in a block of rows, in rows of that block.
template <class T>
struct Part {
  const CachedPiece<T>* piece;
  std::int64_t begin, end;
  std::int64_t seen;     // by the first of these rows
  std::int64_t longest;  // by the last
  std::int64_t column;   // of the block's scores
};

/// Softmax over all columns that row `r` sees; zeros in those that only other rows of its tiles see.
template <class T>
void softmax_row(T* scores, std::int64_t r, std::span<const Part<T>> parts, T scale) {
  using L = Lanes<T>;
  using V = typename L::Vector;
  const auto each = [&](auto&& visit) {
    for (const Part<T>& part : parts) {
      if (r < part.begin || r >= part.end) continue;
      visit(scores + part.column, part.piece->causal ? part.seen + r - part.begin : part.seen, part.longest);
    }
  };
  V lanes = V{} + std::numeric_limits<T>::lowest();
  each([&](const T* s, std::int64_t seen, std::int64_t) {
    for (std::int64_t u = 0; u < seen; u += L::width) {
      lanes = L::max(lanes, L::keep(L::load(s + u), u, seen, std::numeric_limits<T>::lowest()));
    }
  });
  T largest = lanes[0];
  for (int i = 1; i < L::width; ++i) largest = std::max<T>(largest, lanes[i]);
  lanes = V{};
  each([&](T* s, std::int64_t seen, std::int64_t longest) {
    for (std::int64_t u = 0; u < longest; u += L::width) {
      const V e = L::keep(L::exp((L::load(s + u) - largest) * scale), u, seen, T(0));
      lanes += e;
      L::store(s + u, e);
    }
  });
  T sum = 0;
  for (int i = 0; i < L::width; ++i) sum += lanes[i];
  const V inverse = V{} + T(1) / sum;
  each([&](T* s, std::int64_t seen, std::int64_t) {
    for (std::int64_t u = 0; u < seen; u += L::width) L::store(s + u, L::load(s + u) * inverse);
  });
}

}  // namespace

template <class T>
void cached_attention(const CachedShape& shape, std::int64_t rows, std::span<const std::vector<CachedPiece<T>>> levels,
                      const T* qkv, T* out) {
  constexpr std::int64_t W = Lanes<T>::width;
  const std::int64_t H = shape.heads, G = shape.kv_heads, D = shape.head_width, share = H / G;
  const std::int64_t stride = (H + 2 * G) * D, block = std::max<std::int64_t>(1, block_rows / share);
  const T scale = T(1) / std::sqrt(static_cast<T>(D));
  std::vector<std::size_t> next(levels.size());  // first piece of each level that does not end before the block
  std::vector<Part<T>> parts;
  Scratch<T> query_memory, score_memory, mixed_memory;
  for (std::int64_t first = 0; first < rows; first += block) {
    const std::int64_t last = std::min(first + block, rows), count = (last - first) * share;
    parts.clear();
    std::int64_t S = 0;
    for (std::size_t level = 0; level < levels.size(); ++level) {
      const std::vector<CachedPiece<T>>& pieces = levels[level];
      while (next[level] < pieces.size() && pieces[next[level]].end <= first) ++next[level];
      std::int64_t longest = 0;
      for (std::size_t i = next[level]; i < pieces.size() && pieces[i].begin < last; ++i) {
        const CachedPiece<T>& piece = pieces[i];
        const std::int64_t begin = std::max(piece.begin, first), end = std::min(piece.end, last);
        const std::int64_t seen = piece.seen + (piece.causal ? begin - piece.begin : 0);
        parts.push_back({&piece, begin - first, end - first, seen, seen + (piece.causal ? end - begin - 1 : 0), S});
        longest = std::max(longest, parts.back().longest);
      }
      S += (longest + W - 1) / W * W;
    }
    T* const queries = query_memory.reserve(count * D);
    T* const scores = score_memory.reserve(count * S);
    T* const mixed = mixed_memory.reserve(count * D);
    for (std::int64_t g = 0; g < G; ++g) {
      for (std::int64_t i = 0; i < count; ++i) {  // query i: row i / share, its head i % share of the group
        std::copy_n(qkv + (first + i / share) * stride + (g * share + i % share) * D, D, queries + i * D);
      }
      for (const Part<T>& part : parts) {
        const T* const keys = part.piece->keys + g * D * part.piece->capacity;
        for_each_tile(part.begin * share, part.end * share, [&](std::int64_t i, std::int64_t n) {
          product<false, T>(n, (part.longest + W - 1) / W * W, D, {queries + i * D, D, 1}, keys, part.piece->capacity,
                            scores + i * S + part.column, S);
        });
      }
      for (std::int64_t i = 0; i < count; ++i) softmax_row<T>(scores + i * S, i / share, parts, scale);
      std::fill_n(mixed, count * D, T(0));
      for (const Part<T>& part : parts) {
        const T* const values = part.piece->values + g * D * part.piece->capacity;
        for_each_tile(part.begin * share, part.end * share, [&](std::int64_t i, std::int64_t n) {
          product<true, T>(n, D, part.longest, {scores + i * S + part.column, S, 1}, values, D, mixed + i * D, D);
        });
      }
      for (std::int64_t i = 0; i < count; ++i) {
        std::copy_n(mixed + i * D, D, out + ((first + i / share) * H + g * share + i % share) * D);
      }
    }
  }
}

template void cached_attention<float>(const CachedShape&, std::int64_t,
                                      std::span<const std::vector<CachedPiece<float>>>, const float*, float*);
template void cached_attention<double>(const CachedShape&, std::int64_t,
                                       std::span<const std::vector<CachedPiece<double>>>, const double*, double*);

}  // namespace stet::kernels
