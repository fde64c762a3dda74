// What a run, or the conformance kit, shows to probes, and what it accepts from them.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/plugin/probe.hpp>

#include <span>
#include <string>

namespace stet {

/// Everything but phase, epoch and the flags that follow them. What is handed in must outlive the context.
[[nodiscard]] ProbeContext make_probe_context(const Transformer& model, const at::Tensor& weights, const Snapshots& snapshots,
                                              std::span<const EvaluationSet> sets, const Examples& examples);

/// Why per-fact values cannot be recorded; empty if they can.
[[nodiscard]] std::string wrong_with(const FactMeasurement& measured, std::span<const EvaluationSet> sets);

}  // namespace stet
