// How alike vectors are, and sets: pairs, row by row, and each of one family with all of another. In float64.
#pragma once

#include <stet/model/torch.hpp>

#include <cstdint>
#include <set>
#include <vector>

namespace stet {

/// Of two vectors; 0 if one is zero.
[[nodiscard]] double cosine(const at::Tensor& a, const at::Tensor& b);
/// [n] of the rows of two matrices [n, d]: exactly 1 for equal rows, 0 where one is zero.
[[nodiscard]] at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b);
/// [n] KL(softmax(p) || softmax(q)) of the rows of two matrices of logits [n, V], in nats: at least 0, and exactly 0
/// for equal rows. Contiguous.
[[nodiscard]] at::Tensor row_divergences(const at::Tensor& p, const at::Tensor& q);

/// Similarities of each member of one family to all members of another.
struct Nearest {
  std::vector<double> largest, mean;
  std::vector<std::int64_t> where;  ///< index of the largest, the lowest among equals
};
/// Cosines of the rows of a [n, d] with those of b [m, d], m >= 1. The cosine with a zero vector is 0.
[[nodiscard]] Nearest nearest_by_cosine(const at::Tensor& a, const at::Tensor& b);

using Tokens = std::set<std::int32_t>;
/// Jaccard indices |x and y| / |x or y| of the members of a with those of b, which has one at least. No member is
/// empty.
[[nodiscard]] Nearest nearest_by_jaccard(const std::vector<Tokens>& a, const std::vector<Tokens>& b);
/// The same of rows of 0 and 1 (kDouble, [n, F] and [m, F]), each with a 1 at least: without `where`.
[[nodiscard]] Nearest nearest_by_jaccard(const at::Tensor& a, const at::Tensor& b);

[[nodiscard]] double sum_of(const std::vector<double>& values);
/// 0 of no values.
[[nodiscard]] double mean_of(const std::vector<double>& values);
[[nodiscard]] std::vector<float> to_floats(const std::vector<double>& values);
/// [n], of any floating type.
[[nodiscard]] std::vector<float> to_floats(const at::Tensor& values);

}  // namespace stet
