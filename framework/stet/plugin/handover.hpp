// What is asked of everything that a plugin hands to the engine, in one place: the trainer and the executor of runs
// refuse by it, and the conformance kit reports by it, so that both say the same. Pure functions: a text of what is
// wrong, empty if nothing is. What it is not: a judgement of whether the plugin is right; the kit's other checks try
// that.
#pragma once

#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/plugin/regularizer.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stet {

/// Throws Error (plugin) if `wrong` says anything, with `expected` as what was expected.
void refuse_if(const std::string& wrong, const std::string& expected);

// A freeze strategy's selection.

/// Of `selection.low_rank` alone.
[[nodiscard]] std::string wrong_with_low_rank(const TrainableSelection& selection, const ParameterTable& table);
/// Length, masks (type, shape, layout, values, only of what trains), low-rank changes, and that something trains at
/// all.
[[nodiscard]] std::string wrong_with_selection(const TrainableSelection& selection, const ParameterTable& table);
/// What a selection has to be, in a line.
extern const char* const expected_of_selection;

// A regularizer's term and gradients.

/// Takes a term that output_loss returned: checks it, does its backward pass, checks what that left on `context`'s
/// hidden states and logits, and returns the term's value. Throws Error (plugin) if the term is no defined float32 or
/// float64 number on the CPU, or if it is not 0 and its graph does not lead to hidden states or logits (it would be
/// logged as loss and train nothing). A constant 0 is right: strength 0, or a micro-batch without an example that the
/// term is for. Throws Error (numerical) if term or gradient is not finite although hidden states and logits are; where
/// those are not, the model has diverged, and NaN is returned.
[[nodiscard]] double take_term(const at::Tensor& term, const OutputContext& context);
/// Of the value that add_gradient returned.
void check_penalty(double value);
/// Of the flat weights that replace_weights returned.
[[nodiscard]] std::string wrong_with_replacement(const at::Tensor& replacement, const at::Tensor& weights);
/// Of what save() returned.
[[nodiscard]] std::string wrong_with_state(const PluginState& state);

/// Whether every element is finite. One pass over memory, as a rule without a copy. True for an undefined tensor.
[[nodiscard]] bool all_finite(const at::Tensor& tensor);

// A probe's measurements.

/// Names of measurements: not empty, no comma, quote or control character.
[[nodiscard]] bool is_measurement_name(std::string_view name);
/// `fact_sets`: ProbeContext::sets; `example_sets`: Examples::sets().
[[nodiscard]] std::string wrong_with_measurements(std::span<const Measurement> measured,
                                                  std::span<const std::string> fact_sets,
                                                  std::span<const std::string> example_sets, std::int64_t layers);
/// `facts_in`: how many facts a set has; nothing if there is no such set.
[[nodiscard]] std::string wrong_with_fact_measurements(
    std::span<const FactMeasurement> measured,
    const std::function<std::optional<std::size_t>(const std::string& set)>& facts_in);

/// A buffer that a hook may read and not write, looked at before and after. Writes by libtorch's operations are always
/// seen (each raises the tensor's version, also through views); with `by_content` every other write too, at the price
/// of two passes over memory.
class Lent {
 public:
  Lent(const at::Tensor& tensor, bool by_content);
  [[nodiscard]] bool written() const;
  /// Throws Error (plugin) if it was. `what`: "the weights".
  void refuse_write(std::string_view what) const;

 private:
  const at::Tensor& tensor_;
  std::uint64_t version_;
  std::string hash_;  // empty: not by content
};

}  // namespace stet
