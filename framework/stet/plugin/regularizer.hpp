// A regularizer adds a term to the loss. It declares where it acts: on the model's outputs or on its weights.
#pragma once

#include <stet/plugin/context.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stet {

enum class Site {
  outputs,  ///< needs data: a differentiable scalar of hidden states and logits, summed over ranks with the gradient
  weights,  ///< needs weights alone: adds its gradient after the all-reduce, the same on every rank, no communication
};

/// Positions of the batch that an output regularizer sees. The engine computes logits nowhere else.
enum class RowScope {
  answer,  ///< those that predict a token of the answer (or its end)
  all,     ///< every position that predicts a token
};

/// One micro-batch as an output regularizer sees it: P rows (positions) of B sequences.
struct OutputContext {
  at::Tensor hidden;   ///< [P, d] after the final norm; differentiable
  at::Tensor logits;   ///< [P, V]; differentiable
  at::Tensor targets;  ///< [P] int64, the next token
  /// [P] weights of the rows in a mean over each sequence's rows, then over the sequences of the *global* batch; 0 for
  /// rows outside the declared scope. A loss that is sum(row_weights * l) is exact for any number of ranks and
  /// micro-batches.
  at::Tensor row_weights;
  /// [P] weights of the rows in the task's cross-entropy, by train.loss_mean: for a term that changes the task's own
  /// targets. 0 for rows without task loss, so for all rows of rehearsed sequences. Exact for any number of ranks, as
  /// row_weights.
  at::Tensor task_weights;
  std::span<const std::int32_t> sequence_of;  ///< [P] sequence of a row, 0..B-1
  std::span<const std::uint64_t> examples;    ///< [B] a number for each sequence: equal numbers, equal tokens
  std::span<const std::int32_t>
      set_of;                         ///< [B] the set of examples that a sequence is of, an index into `sets`; -1: none
  std::span<const std::string> sets;  ///< as Examples::sets()
  /// Logits [P, V] of a snapshot at the same rows, without gradient. Its final hidden states are computed once an
  /// example and cached, since a frozen teacher's answer to fixed data is a constant.
  std::function<at::Tensor(const std::string& snapshot)> snapshot_logits;
  /// Logits [P, V] of any flat weights at the same rows, without gradient and without a cache: for a teacher that
  /// moves.
  std::function<at::Tensor(const at::Tensor& weights)> logits_under;
};

/// Sequences that an output regularizer wants to see instead of the batch.
struct Rehearsal {
  std::string set;  ///< of Examples
  std::int64_t per_step =
      16;  ///< sequences, over all ranks; drawn in a keyed order, in a phase each once before any comes again
};

struct WeightContext {
  const ParameterTable& table;
  const at::Tensor& values;         ///< flat [n]
  const at::Tensor& gradients;      ///< flat [n]: add to it
  const std::vector<bool>& trains;  ///< one entry a parameter; leave the others alone
  const Snapshots& snapshots;
  const Examples& examples;
  std::int64_t step = 0;  ///< of the phase, from 0
  /// Parameters that a freeze strategy lets train in part, by index into the table: uint8 of the parameter's shape, 1
  /// trains. One without an entry trains as a whole, if it does. Gradients where the mask is 0 are dropped; values
  /// there must keep their bits.
  const ElementMasks& masks = no_masks();
};

/// Calls come in this order: begin_phase, then for every step output_loss (once a micro-batch) or add_gradient (once)
/// and after_step, then replace_weights and end_phase. State that must survive a restart goes through save and load;
/// load is called before begin_phase when a run resumes within a phase (`resumed`).
class Regularizer {
 public:
  virtual ~Regularizer() = default;

  /// Called before anything trains, by `stet plan` and `stet run`, on an object that is used for nothing else: throws
  /// Error (config), for instance context.error(key, ...), for what the experiment file alone shows to be wrong. Not
  /// collective.
  virtual void check(const CheckContext& /*context*/) const {}

  [[nodiscard]] virtual Site site() const = 0;
  [[nodiscard]] virtual RowScope scope() const { return RowScope::answer; }

  virtual void begin_phase(const PhaseContext& /*context*/, bool /*resumed*/) {}
  virtual void end_phase(const PhaseContext& /*context*/) {}

  /// Site::outputs: the term's share of this micro-batch, a differentiable scalar (see row_weights). Strength included.
  [[nodiscard]] virtual at::Tensor output_loss(const OutputContext& context);
  /// Site::weights: adds the term's gradient and returns its value. Must be a function of its arguments alone.
  [[nodiscard]] virtual double add_gradient(const WeightContext& context);

  /// Site::outputs: if there is a value, output_loss is called on such sequences and never on the batch; row_weights
  /// are then a mean over the rehearsed sequences of a step. Asked once a phase, after begin_phase.
  [[nodiscard]] virtual std::optional<Rehearsal> rehearsal() const { return std::nullopt; }
  /// Any site: called after the optimizer's step. `values` are the new weights, `gradients` the whole gradient (all
  /// penalties included, not clipped) at the old ones; neither may be written. Where parameters train by low-rank
  /// changes and no regularizer of the phase has Site::weights, `gradients` is undefined: nobody computes it.
  virtual void after_step(const WeightContext& /*context*/) {}
  /// Any site: called once after the last step of a phase. May return weights (a new flat tensor) that take the place
  /// of the present ones, for instance an average; those that do not train must keep their bits. They are evaluated
  /// anew.
  [[nodiscard]] virtual std::optional<at::Tensor> replace_weights(const WeightContext& /*context*/) {
    return std::nullopt;
  }

  [[nodiscard]] virtual PluginState save() const { return {}; }
  virtual void load(const PluginState& /*state*/) {}
};

}  // namespace stet
