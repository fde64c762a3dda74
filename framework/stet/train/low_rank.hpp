// Matrices that train by a low-rank change alone: W = W0 + s B A (LoRA, Hu et al. 2021, arXiv 2106.09685).
//
// The backward pass gives the gradients of the factors themselves (model/gradient_layout.hpp), without that of the
// matrix, which would be a third of a step's time and as much memory as the weights. Where a regularizer of the phase
// acts on weights, and for embeddings and the head, the dense gradient dW is computed and reduced over ranks as that of
// any other parameter, penalties and all, and the chain rule makes theirs of it: dB = s dW A^T, dA = s B^T dW.
//
// What this is not: the keeper of the factors. They are one flat buffer in OptimizerState, [A, B] for each matrix in
// the order of the table, so that a checkpoint of the optimizer brings them back.
#pragma once

#include <stet/model/gradient_layout.hpp>
#include <stet/model/low_rank_change.hpp>
#include <stet/plugin/freeze_strategy.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stet {

/// rank * (in + out): what trains in place of the matrix.
[[nodiscard]] std::int64_t factor_elements(const ParameterInfo& matrix, const LowRank& low_rank);

class LowRankUpdates {
 public:
  /// One matrix. Offsets are in elements, into the flat factors.
  struct Part {
    std::size_t parameter;
    std::int64_t rank, out, in;
    std::int64_t a, b;  ///< where A [rank, in] and B [out, rank] begin
    double scale;
    bool decays;
    std::uint64_t seed;
    [[nodiscard]] std::int64_t count() const noexcept { return rank * (in + out); }
  };

  LowRankUpdates() = default;
  /// `start`: flat weights of the whole table, W0 among them; kept, not copied, and must not be written to.
  /// Throws Error (plugin) if the selection is not as LowRank demands.
  LowRankUpdates(const ParameterTable& table, const TrainableSelection& selection, at::Tensor start);

  [[nodiscard]] bool empty() const noexcept { return parts_.empty(); }
  [[nodiscard]] const std::vector<Part>& parts() const noexcept { return parts_; }
  [[nodiscard]] std::int64_t elements() const noexcept { return elements_; }  ///< of all factors

  /// A random, by the selection's seed and the run's, B = 0: then W = W0. Flat, elements() long, of the weights' type.
  [[nodiscard]] at::Tensor initial_factors(std::uint64_t run_seed) const;
  /// The gradient of the flat factors, by a flat gradient in this layout.
  [[nodiscard]] at::Tensor project(const at::Tensor& gradient, const GradientLayout& layout,
                                   const at::Tensor& factors) const;
  /// For a layout without dense gradients.
  [[nodiscard]] std::map<std::size_t, FactorPlace> places() const;
  /// Each matrix's change, its factors views of `factors`.
  [[nodiscard]] std::vector<LowRankChange> changes(const at::Tensor& factors) const;
  /// Writes W = W0 + s B A into the flat weights of the whole table.
  void merge(const at::Tensor& factors, const at::Tensor& weights) const;

 private:
  [[nodiscard]] at::Tensor a_of(const Part& part, const at::Tensor& factors) const;
  [[nodiscard]] at::Tensor b_of(const Part& part, const at::Tensor& factors) const;

  const ParameterTable* table_ = nullptr;
  at::Tensor start_;
  std::vector<Part> parts_;
  std::int64_t elements_ = 0;
};

}  // namespace stet
