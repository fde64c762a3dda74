// The quadratic penalty of several plugins: strength/2 * sum_i F_i (w_i - ref_i)^2 over the parameters that train, and
// its gradient strength * F_i (w_i - ref_i), in one pass. What F is and where it comes from is the plugin's matter.
#pragma once

#include <stet/plugin/regularizer.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// Adds the penalty's gradient to `context.gradients` and returns its value. `reference` and `importance`: flat, in the
/// weights' type; `importance` undefined: all ones, with the same bits. Frozen parameters are left alone.
[[nodiscard]] double add_quadratic(const WeightContext& context, const at::Tensor& reference,
                                   const at::Tensor& importance, double strength);

struct AnchoredPenaltyOptions {
  double strength = 1;  ///< of add_quadratic; 0: off, nothing is measured and not a bit of the gradient changes
  /// Divide F by its mean over what trains (if that is above 0), so that strengths can be compared between estimators,
  /// data and models.
  bool normalize = false;
  std::optional<std::string> reference = {};  ///< the snapshot that is the anchor; none: see begin_phase and set
};

/// The penalty with an importance F that differs between weights, as a member of a plugin that hands its hooks on.
class AnchoredPenalty {
 public:
  /// `owner`: the plugin's name in messages ("regularizer.ewc").
  AnchoredPenalty(std::string owner, AnchoredPenaltyOptions options);

  [[nodiscard]] bool off() const { return options_.strength == 0; }
  /// For check(): throws Error (config) if the key `reference` names no snapshot when a phase needs it.
  void check(const CheckContext& context) const;

  /// Neither is set: add_gradient adds nothing.
  [[nodiscard]] bool empty() const { return !importance_.defined() && !anchor_.defined(); }
  [[nodiscard]] const at::Tensor& importance() const { return importance_; }  ///< flat, in the weights' type
  /// The importance and the anchor from here on; flat, in the weights' type.
  void set(at::Tensor importance, at::Tensor anchor);

  /// Sets the anchor, the reference or else the present weights, and F = importance(anchor); a phase that goes on has
  /// them from its checkpoint. Collective if `importance` is. Throws as require_fit() does.
  void begin_phase(const PhaseContext& context, bool resumed,
                   const std::function<at::Tensor(const at::Tensor& anchor)>& importance);
  /// Throws Error (checkpoint) if what was loaded does not fit the weights, or half of it is missing.
  void require_fit(const at::Tensor& weights) const;

  /// See add_quadratic.
  [[nodiscard]] double add_gradient(const WeightContext& context);

  /// "importance", and "anchor" unless a snapshot is it.
  [[nodiscard]] PluginState save() const;
  void load(const PluginState& state);

 private:
  [[nodiscard]] double mean_importance(const WeightContext& context);

  std::string owner_;
  AnchoredPenaltyOptions options_;
  at::Tensor importance_, anchor_;
  std::vector<bool> mean_of_;  // what trained when mean_ was computed; empty: it was not
  double mean_ = 1;
};

/// The frame of a regularizer that is such a penalty: what is left to it is where F and the anchor come from, in
/// begin_phase or end_phase.
class AnchoredRegularizer : public Regularizer {
 public:
  [[nodiscard]] Site site() const final { return Site::weights; }
  [[nodiscard]] double add_gradient(const WeightContext& context) override { return penalty_.add_gradient(context); }
  [[nodiscard]] PluginState save() const override { return penalty_.save(); }
  void load(const PluginState& state) override { penalty_.load(state); }

 protected:
  AnchoredRegularizer(std::string owner, AnchoredPenaltyOptions options)
      : penalty_(std::move(owner), std::move(options)) {}

  AnchoredPenalty penalty_;
};

}  // namespace stet
