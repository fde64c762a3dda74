// What a run, or the conformance kit, shows to probes, and what it accepts from them.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/plugin/probe.hpp>

#include <span>
#include <string>

namespace stet {

/// Everything but phase, epoch, the flags that follow them, and what trains. What is handed in must outlive the
/// context.
[[nodiscard]] ProbeContext make_probe_context(const Transformer& model, const at::Tensor& weights,
                                              const Snapshots& snapshots, std::span<const TokenizedSet> sets,
                                              const Examples& examples);

/// Why what a probe measured cannot be recorded; empty if it can. As plugin/handover.hpp, with the sets of a run.
[[nodiscard]] std::string wrong_with(std::span<const Measurement> measured, const ProbeContext& context);
[[nodiscard]] std::string wrong_with(std::span<const FactMeasurement> measured, std::span<const TokenizedSet> sets);

}  // namespace stet
