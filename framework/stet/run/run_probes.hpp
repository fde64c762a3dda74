// The probes of one run: made, called at evaluations, and what they measure checked and recorded.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/plan/plan.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/run/run_state.hpp>
#include <stet/train/snapshot_store.hpp>
#include <stet/train/trainer.hpp>

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace stet {

class RunProbes {
 public:
  /// Makes the probes of the run's arm. What is handed in must outlive this object.
  RunProbes(const PlannedRun& run, const Transformer& model, const at::Tensor& weights, PluginRegistry& registry,
            Communicator& communicator);

  /// Collective. Measures after the evaluation that `state` recorded last, in the phase that it is in. `at_end`: no
  /// step of the phase follows. Throws Error (plugin) for measurements that cannot be recorded, and for a probe that
  /// has written what it may only read.
  void measure(RunState& state, float epoch, bool at_end, const SnapshotStore& snapshots,
               std::span<const TokenizedSet> sets, Trainer& trainer);

 private:
  [[nodiscard]] std::vector<Measurement> measured(Probe& probe, const ProbeContext& context,
                                                  const SnapshotStore& snapshots) const;
  [[nodiscard]] std::vector<FactMeasurement> measured_facts(Probe& probe, const ProbeContext& context,
                                                            std::span<const TokenizedSet> sets) const;

  const PlannedRun& run_;
  const Transformer& model_;
  const at::Tensor& weights_;
  Communicator& communicator_;
  std::vector<std::pair<const PluginUse*, std::unique_ptr<Probe>>> probes_;
};

}  // namespace stet
