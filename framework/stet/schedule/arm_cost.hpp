// What a base model and one run of an arm cost, measured: its own text and sets, steps with its own regularizers and
// probes, on random weights, for a fraction of a second each. Not a run: nothing is learnt or written. Costs are
// processor time, so that what else the machine does at the moment hardly matters.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/plugin/registry.hpp>

#include <cstdint>

namespace stet {

struct BaseCost {
  double seconds = 0;  ///< of all pre-training, one core
  double tokens_per_second = 0;
  double step_seconds = 0;
  std::int64_t parameters = 0;
  double memory_bytes = 0;  ///< of one process: weights, gradients, moments, activations
};

struct ArmCost {
  double run_seconds = 0;        ///< one core; phases of planned_epochs()
  double tokens_per_second = 0;  ///< of the last phase
  double step_seconds = 0;       ///< likewise
  double snapshot_bytes =
      0;  ///< what a process holds beside what pre-training holds: snapshots, and the teachers' cached answers
  /// Elements of the flat gradient and of each moment, in the phase that has most of both.
  std::int64_t gradient_elements = 0, moment_elements = 0;
};

/// Times pre-training steps for about `seconds`. One process.
[[nodiscard]] BaseCost measure_base(const RunConfig& config, double seconds);

/// Seconds of labelling the world's facts by SLiCK, one core: one block a relation is asked about its first facts, on
/// random weights, for answers of the mean length.
[[nodiscard]] double measure_labels(const RunConfig& config);

/// How long a phase is taken to be. Where it ends at a plateau, the model will decide: half way between the fewest and
/// the most epochs that it may take.
[[nodiscard]] double planned_epochs(const PhaseConfig& phase);

/// Times parts for about `seconds` each. One process. All base facts count as known. Labels are not in it. Throws what
/// the run would throw for sets that cannot be drawn.
[[nodiscard]] ArmCost measure_arm(const PlannedRun& run, PluginRegistry& registry, double seconds);

}  // namespace stet
