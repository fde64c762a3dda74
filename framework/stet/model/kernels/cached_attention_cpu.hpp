// Attention of new tokens over stored keys and values; an inner part of CachedTokens. A row's keys lie in several
// pieces, and rows that share a piece are multiplied with it together, in register tiles.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stet::kernels {

/// Rows begin..end-1 see the first `seen` stored tokens or, if causal, row begin + i the first seen + i.
template <class T>
struct CachedPiece {
  std::int64_t begin, end;
  const T* keys;          ///< [G, D, capacity]
  const T* values;        ///< [G, capacity, D]
  std::int64_t capacity;  ///< tokens; a multiple of 32
  std::int64_t seen;
  bool causal;
};

struct CachedShape {
  std::int64_t heads, kv_heads, head_width;  ///< H, G, D
};

/// out[n, h] = sum over all tokens u that row n sees of softmax_u(q[n, h] . k[u] / sqrt(D)) v[u].
/// Each level holds pieces in ascending order of rows, without overlap; a row sees at least one token in all.
/// qkv: [rows, (H + 2 G) D], of which the queries are read; out: [rows, H D].
template <class T>
void cached_attention(const CachedShape& shape, std::int64_t rows, std::span<const std::vector<CachedPiece<T>>> levels,
                      const T* qkv, T* out);

}  // namespace stet::kernels
