#include <stet/run/run_evaluation.hpp>

#include <stet/base/fault.hpp>
#include <stet/evaluate/answer_match.hpp>

#include <algorithm>
#include <utility>

namespace stet {

RunEvaluation::RunEvaluation(const PlannedRun& run, const Transformer& model, const Tokenizer& tokenizer,
                             FineTuning& tuning, const std::vector<TokenizedSet>& sets, PluginRegistry& registry,
                             Communicator& communicator)
    : run_(run),
      model_(model),
      tokenizer_(tokenizer),
      tuning_(tuning),
      sets_(sets),
      communicator_(communicator),
      probes_(run, model, tuning.weights(), registry, communicator) {}

SetScore score_as(const EvaluateConfig& config, const Transformer& model, const at::Tensor& weights,
                  const TokenizedSet& set, const Tokenizer& tokenizer, Communicator& communicator) {
  const auto batch_size = static_cast<std::size_t>(config.batch_size);
  SetScore result = score(model, weights, set, communicator, batch_size);
  if (config.match == AnswerMatch::exact) return result;
  result.correct.clear();
  for (const AnswerVerdict verdict : judge_answers(model, weights, set, tokenizer, communicator, batch_size)) {
    result.correct.push_back(verdict == AnswerVerdict::right ? 1 : 0);
    result.not_attempted.push_back(verdict == AnswerVerdict::not_attempted ? 1.0F : 0.0F);
  }
  return result;
}

SetScore RunEvaluation::score_set(const TokenizedSet& set) const {
  return score_as(run_.config.evaluate, model_, tuning_.weights(), set, tokenizer_, communicator_);
}

void RunEvaluation::evaluate(RunState& state, float epoch, bool at_end, std::optional<SetScore> validation) {
  fault_point("run.evaluate");
  std::vector<SetScore> scores;
  for (const TokenizedSet& set : sets_) {
    scores.push_back(validation && set.name == report::validation_set ? std::move(*validation) : score_set(set));
  }
  state.record(static_cast<std::int32_t>(state.phase), epoch, sets_, scores);
  probes_.measure(state, epoch, at_end, tuning_.snapshots(), sets_, tuning_.trainer());
}

std::optional<SetScore> RunEvaluation::judge_plateau(RunState& state, std::int64_t epoch) const {
  const PhaseConfig& phase = run_.config.phases[state.phase];
  const auto set =
      std::find_if(sets_.begin(), sets_.end(), [](const TokenizedSet& s) { return s.name == report::validation_set; });
  if (set == sets_.end()) return std::nullopt;
  SetScore validation = score_set(*set);
  const double accuracy = validation.accuracy();
  if (accuracy > state.best_validation) {
    state.best_validation = accuracy;
    state.bad_epochs = 0;
  } else {
    ++state.bad_epochs;
  }
  state.phase_over = state.bad_epochs >= phase.patience && epoch >= phase.min_epochs;
  return validation;
}

}  // namespace stet
