// Losses of rows of logits whose gradient comes from the same pass over the logits, for Regularizer::output_loss.
#pragma once

#include <stet/plugin/regularizer.hpp>

#include <string>
#include <utility>
#include <vector>

namespace stet {

/// The term of a regularizer that adds nothing: 0 in float64, without gradient.
[[nodiscard]] at::Tensor no_term();

/// A differentiable scalar (kDouble) of this value, whose gradient by `input` is known already: backward hands it on
/// times what comes from above. `gradient` has the input's shape and type.
[[nodiscard]] at::Tensor known_gradient(const at::Tensor& input, double value, const at::Tensor& gradient);

enum class KlDirection {
  forward,  ///< KL(teacher || student)
  reverse,  ///< KL(student || teacher)
};
/// The names of a key `direction`.
[[nodiscard]] std::vector<std::pair<std::string, KlDirection>> kl_directions();

/// sum over rows of weights[p] * tau^2 * KL at temperature tau > 0, in float64, differentiable by `student`; see
/// kernels::distillation. `student`, `teacher`: [P, V] logits; `weights`: [P]; all of one type. The teacher gets no
/// gradient.
[[nodiscard]] at::Tensor distillation_loss(const at::Tensor& student, const at::Tensor& teacher,
                                           const at::Tensor& weights, double tau,
                                           KlDirection direction = KlDirection::forward);

/// sum over rows of weights[p] * cross-entropy of targets[p], in float64, differentiable by `logits` [P, V]. `targets`:
/// [P] int64; `weights`: [P], of the logits' type.
[[nodiscard]] at::Tensor cross_entropy_loss(const at::Tensor& logits, const at::Tensor& targets,
                                            const at::Tensor& weights);

}  // namespace stet
