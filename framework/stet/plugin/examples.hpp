// The data of a run as plugins may use it beside the batch: sums of gradients of single examples (Fisher information
// and its kin), numbers read from such gradients, logits.
#pragma once

#include <stet/model/torch.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// Answer rows (those that predict a token with loss) of one group of examples under given weights; no gradient is
/// recorded.
struct ExampleRows {
  at::Tensor hidden;                          ///< [P, d] after the final norm
  at::Tensor logits;                          ///< [P, V]
  at::Tensor targets;                         ///< [P] int64, the next token
  std::span<const std::int32_t> sequence_of;  ///< [P] example of a row within the group, 0..group-1
  std::int64_t first = 0;                     ///< index, within the set, of the group's first example
  /// Logits [P, V] of the same rows under other flat weights.
  std::function<at::Tensor(const at::Tensor& weights)> logits_under;
};

/// What is differentiated: for a group's rows, any number of gradients by its logits, each [P, V] in the logits' type.
/// Each is propagated back to the weights by itself. Must be a function of its argument alone (random numbers:
/// stet::Random keyed with `first`).
using LogitGradients = std::function<std::vector<at::Tensor>(const ExampleRows& rows)>;

/// Which examples, and how many at a time.
struct ExampleRange {
  std::string set;
  std::int64_t limit = 0;  ///< the set's first so many; 0: all
  std::int64_t group = 1;  ///< examples whose gradients are added before anyone sees them; 1: single examples
};

/// Sets of examples: those of the run ("known", "unknown", "held", ...), and texts: "neutral" (neutral lines of
/// pre-training), "pretraining" (its texts), "pretraining_not_held" (those without the held facts) and "self_generated"
/// (sampled from the base), as far as the run has them.
class Examples {
 public:
  virtual ~Examples() = default;

  [[nodiscard]] virtual std::vector<std::string> sets() const = 0;
  /// Examples of a set. Throws Error (config) if there is none of this name, or it is empty; the message lists those
  /// that exist.
  [[nodiscard]] virtual std::int64_t size(const std::string& set) const = 0;

  /// Collective. The sum, over all groups of the range and all gradients of each, of what `add` adds to its third
  /// argument (flat, kDouble, begins at 0): `add(g, k, sum)` receives the flat gradient g, in the weights' type, of the
  /// k-th entry. Groups are dealt to ranks in fixed parts that are added in a fixed tree: the same bits for any number
  /// of ranks that divides the run's micro-shards. `weights`: flat; left alone.
  [[nodiscard]] virtual at::Tensor sum_gradients(
      const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
      const std::function<void(const at::Tensor& gradient, std::size_t index, at::Tensor& sum)>& add) const = 0;

  /// Collective. Numbers read from each group's first gradient: [groups, numbers] kDouble, the same on all ranks.
  /// `read` must return equally many for each group.
  [[nodiscard]] virtual at::Tensor map_gradients(
      const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
      const std::function<std::vector<double>(const at::Tensor& gradient)>& read) const = 0;

  /// Not collective. Calls `visit` for every group of the range, in order, with its rows. (`group` is the batch size.)
  virtual void for_each(const ExampleRange& range, const at::Tensor& weights,
                        const std::function<void(const ExampleRows& rows)>& visit) const = 0;
};

/// [P] kDouble: `total` divided by the number of rows of the row's example. Weights of a mean over each example's rows.
[[nodiscard]] at::Tensor weights_in_example(const ExampleRows& rows, double total = 1.0);

/// The gradient by its logits of the rows' mean next-token cross-entropy over each example's rows, added over examples:
/// (softmax - one-hot) / rows of the example. Entry for LogitGradients.
[[nodiscard]] at::Tensor cross_entropy_gradient(const ExampleRows& rows);

}  // namespace stet
