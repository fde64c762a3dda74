// On which sequences a term on outputs acts: those of the batch, those of one of its sets, or others that are drawn
// beside it. A member of a regularizer that hands its hooks on.
#pragma once

#include <stet/plugin/regularizer.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace stet {

/// [P] kBool: the rows whose sequence is of this set of examples; none if the run has no such set.
[[nodiscard]] at::Tensor rows_of_set(const OutputContext& context, const std::string& set);

class TermRows {
 public:
  /// `on`: "batch"; "known" or "unknown": the batch's sequences of that set; any other set of examples is drawn beside
  /// the batch, `per_step` sequences a step over all ranks.
  TermRows(std::string on, std::int64_t per_step) : on_(std::move(on)), per_step_(per_step) {}

  /// Throws Error (config) if there is no such set. `key`: of the plugin's table.
  void check(const CheckContext& context, const std::string& key) const;
  /// The same when a phase begins, where every rank throws it.
  void begin_phase(const PhaseContext& context) const;
  /// What Regularizer::rehearsal returns.
  [[nodiscard]] std::optional<Rehearsal> rehearsal() const;
  /// context.row_weights times `strength`, 0 for rows of other sequences: [P]. Nothing if all are.
  [[nodiscard]] std::optional<at::Tensor> weights(const OutputContext& context, double strength) const;

 private:
  /// Whether rows of the batch are picked by the set of their sequence.
  [[nodiscard]] bool picks() const { return on_ == "known" || on_ == "unknown"; }

  std::string on_;
  std::int64_t per_step_;
};

}  // namespace stet
