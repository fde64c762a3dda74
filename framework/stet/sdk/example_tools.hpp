// What is measured on examples: which ones, gradients by logits to differentiate (entries for LogitGradients), and sums
// of what they give (entries for Examples::sum_gradients).
#pragma once

#include <stet/plugin/examples.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stet {

/// Throws Error (config) if `set` is "held": what is measured on the facts that a run is judged by would leak the
/// evaluation into its training. `owner`: "regularizer.ewc".
void refuse_held(const std::string& set, const std::string& owner);

/// The number of examples that `set` and `limit` (0: all) amount to. Throws Error (config) if there is no such set.
[[nodiscard]] std::int64_t example_count(const Examples& examples, const std::string& set, std::int64_t limit);

/// The most probable token at each example's first answer row, what is said first, under these flat weights:
/// [examples]. Not collective.
[[nodiscard]] std::vector<std::int64_t> first_tokens(const Examples& examples, const std::string& set,
                                                     const at::Tensor& weights);

/// As cross_entropy_gradient (examples.hpp), of self-distillation (arXiv 2604.15574, Eq. 1): lambda tau^2 KL(teacher ||
/// student) at temperature tau, so lambda tau (softmax(z / tau) - softmax(z_teacher / tau)) / rows of the example.
/// `teacher`: flat weights.
[[nodiscard]] at::Tensor distillation_gradient(const ExampleRows& rows, const at::Tensor& teacher, double tau,
                                               double lambda);

/// Gradients of the first `limit` (0: all) examples of each of these sets, added up.
struct GradientSum {
  at::Tensor sum;  ///< flat, kDouble
  double examples = 0;
};
/// Collective; see Examples::sum_gradients. `group`: examples of one backward pass. `of`: what is differentiated, a
/// gradient by the group's logits.
[[nodiscard]] GradientSum sum_over_sets(const Examples& examples, const std::vector<std::string>& sets,
                                        std::int64_t limit, std::int64_t group, const at::Tensor& weights,
                                        const std::function<at::Tensor(const ExampleRows& rows)>& of);

/// sum += gradient. `sum`: flat kDouble, as in the two below.
void add_up(const at::Tensor& gradient, std::size_t index, at::Tensor& sum);
/// sum += |gradient|
void add_magnitudes(const at::Tensor& gradient, std::size_t index, at::Tensor& sum);
/// sum += factor * gradient^2
void add_squares(const at::Tensor& gradient, double factor, at::Tensor& sum);

}  // namespace stet
