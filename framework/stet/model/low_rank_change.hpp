// A low-rank change of a matrix, W + s B A, as a thing of its own: what a run with LoRA leaves beside its weights, and
// what an adapter of others says. How such a change trains: train/low_rank.hpp.
#pragma once

#include <stet/model/parameters.hpp>
#include <stet/model/torch.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace stet {

struct LowRankChange {
  std::size_t parameter;  ///< index into the table, of a matrix W [out, in]
  double scale;           ///< s
  at::Tensor a;           ///< [r, in]
  at::Tensor b;           ///< [out, r], of A's type
};

/// W = W0 + s B A, for `start` W0 and `merged` W, both [out, in] of the factors' type; the same bits wherever it is
/// called from.
void merge_change(const LowRankChange& change, const at::Tensor& start, const at::Tensor& merged);

/// Adds the changes, one after the other, to flat weights of A's type.
void add_changes(const ParameterTable& table, std::span<const LowRankChange> changes, const at::Tensor& flat);

/// One change a parameter, in the order of the table: those of the same parameter become one whose rank is the sum of
/// theirs. Where their scales differ, the first's is kept and the others' B hold the rest.
[[nodiscard]] std::vector<LowRankChange> stacked(std::span<const LowRankChange> changes);

/// Empty if `base` with the changes is `weights` (but for the rounding of a sum), else the parameter in which they
/// differ: then other things than low-rank changes have trained.
[[nodiscard]] std::string beyond_low_rank(const ParameterTable& table, std::span<const LowRankChange> changes,
                                          const at::Tensor& base, const at::Tensor& weights);

}  // namespace stet
