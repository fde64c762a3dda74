// The evaluations of a run: its sets scored and recorded, its probes asked, a plateau seen.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/plan/plan.hpp>
#include <stet/run/run_probes.hpp>
#include <stet/run/run_state.hpp>
#include <stet/run/training/fine_tuning.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace stet {

/// Collective. As [evaluate] says: score(), and where `match` is normalized, `correct` and `not_attempted` by
/// judge_answers().
[[nodiscard]] SetScore score_as(const EvaluateConfig& config, const Transformer& model, const at::Tensor& weights,
                                const TokenizedSet& set, const Tokenizer& tokenizer, Communicator& communicator);

class RunEvaluation {
 public:
  /// Makes the run's probes. What is handed in must outlive this object.
  RunEvaluation(const PlannedRun& run, const Transformer& model, const Tokenizer& tokenizer, FineTuning& tuning,
                const std::vector<TokenizedSet>& sets, PluginRegistry& registry, Communicator& communicator);

  /// Collective. Scores and records all sets, and runs the probes. `validation`: that set's score, if it is known
  /// already. `at_end`: no step of the phase follows.
  void evaluate(RunState& state, float epoch, bool at_end, std::optional<SetScore> validation = std::nullopt);

  /// Collective. Scores the validation set alone and says (state.phase_over) whether its phase ends after `epoch`:
  /// validation facts are neither trained on nor held. Nothing for a run without that set.
  std::optional<SetScore> judge_plateau(RunState& state, std::int64_t epoch) const;

 private:
  [[nodiscard]] SetScore score_set(const TokenizedSet& set) const;

  const PlannedRun& run_;
  const Transformer& model_;
  const Tokenizer& tokenizer_;
  FineTuning& tuning_;
  const std::vector<TokenizedSet>& sets_;
  Communicator& communicator_;
  RunProbes probes_;
};

}  // namespace stet
