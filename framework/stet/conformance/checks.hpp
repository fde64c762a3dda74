// The single checks of the conformance kit. Each makes its own objects through `create` and says what it found; what it
// throws is the plugin's, and counts as a failure (conformance.cpp).
#pragma once

#include <stet/conformance/bench.hpp>
#include <stet/conformance/conformance.hpp>

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet::conformance {

struct Finding {
  CheckVerdict verdict;
  std::string detail, hint;
};
[[nodiscard]] inline Finding passed(std::string detail) { return {CheckVerdict::passed, std::move(detail), {}}; }
[[nodiscard]] inline Finding failed(std::string detail, std::string hint) {
  return {CheckVerdict::failed, std::move(detail), std::move(hint)};
}
[[nodiscard]] inline Finding warning(std::string detail, std::string hint) {
  return {CheckVerdict::warning, std::move(detail), std::move(hint)};
}
[[nodiscard]] inline Finding not_applicable(std::string reason) {
  return {CheckVerdict::not_applicable, std::move(reason), {}};
}

template <class Base>
using Create = std::function<std::unique_ptr<Base>()>;

/// What the checks of a regularizer need. `create_off` (strength 0, in the strength's type) and `create_other` (another
/// strength) may be empty; for the former `no_off` says why.
struct RegularizerTrial {
  const ConformanceBench& bench;
  Communicator& alone;
  Create<Regularizer> create, create_off, create_other;
  std::optional<Finding> no_off;
  bool is_off = false;  ///< strength 0 as it is
};
/// (trial.cpp) `offer` must outlive the trial.
[[nodiscard]] RegularizerTrial make_trial(const Offer<Regularizer>& offer, const config::Value& table,
                                          const ConformanceBench& bench, Communicator& alone);

// Keys (key_checks.cpp), for every kind of class.
template <class Base>
[[nodiscard]] Finding check_keys(const Offer<Base>& offer, const config::Value& table);
/// The class's check(), which plan and run call before anything trains, on the bench as if it were an experiment.
/// `owner`: "regularizer.ewc".
template <class Base>
[[nodiscard]] Finding check_before_training(const std::string& owner, const Offer<Base>& offer,
                                            const config::Value& table, const ConformanceBench& bench);

// Gradients (gradient_check.cpp): against central finite differences in float64.
[[nodiscard]] Finding check_gradient(const RegularizerTrial& trial);

// Training (training_checks.cpp).
/// Begins, trains all steps and ends; the run itself.
BenchRun& whole(BenchRun& run);
[[nodiscard]] Finding check_repeatable(const RegularizerTrial& trial);
[[nodiscard]] Finding check_strength_zero(const RegularizerTrial& trial);
[[nodiscard]] Finding check_acts(const RegularizerTrial& trial);
[[nodiscard]] Finding check_instances(const RegularizerTrial& trial);
[[nodiscard]] Finding check_resume(const RegularizerTrial& trial);
[[nodiscard]] Finding check_frozen(const RegularizerTrial& trial);

// Freeze strategies (freeze_checks.cpp).
[[nodiscard]] Finding check_selection(const ConformanceBench& bench, const Create<FreezeStrategy>& create);
[[nodiscard]] Finding check_selection_repeatable(const ConformanceBench& bench, const Create<FreezeStrategy>& create);
[[nodiscard]] Finding check_selection_trains(const ConformanceBench& bench, Communicator& alone,
                                             const Create<FreezeStrategy>& create);
/// What trains, with its masks, as one hash.
[[nodiscard]] std::string selection_digest(const TrainableSelection& selection);

// Probes (probe_checks.cpp).
[[nodiscard]] Finding check_measurements(const ConformanceBench& bench, Communicator& alone,
                                         const Create<Probe>& create);
[[nodiscard]] Finding check_probe_repeatable(const ConformanceBench& bench, Communicator& alone,
                                             const Create<Probe>& create);
[[nodiscard]] Finding check_probe_leaves_weights(const ConformanceBench& bench, Communicator& alone,
                                                 const Create<Probe>& create);
/// All measurements on fresh weights, with every bit of their values.
[[nodiscard]] std::string probe_digest(const ConformanceBench& bench, Communicator& communicator,
                                       const Create<Probe>& create);

}  // namespace stet::conformance
