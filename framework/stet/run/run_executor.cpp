#include <stet/run/run_executor.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/run/fact_covariates.hpp>
#include <stet/run/manifest.hpp>
#include <stet/run/run_examples.hpp>
#include <stet/run/run_sets.hpp>

#include <algorithm>

namespace stet {

namespace {
/// For a hint: where the run can be looked at as it was before it failed.
std::string last_checkpoint(const std::filesystem::path& folder) {
  const std::optional<std::filesystem::path> newest = newest_checkpoint(folder / "checkpoints");
  return newest ? "; the last good checkpoint is " + newest->string() : "";
}
}  // namespace

RunExecutor::RunExecutor(const PlannedRun& run, const BaseModel& base, const KnowledgeLabels* labels,
                         PluginRegistry& registry, Communicator& communicator, std::filesystem::path folder,
                         ProgressSink progress)
    : run_(run),
      base_(base),
      registry_(registry),
      communicator_(communicator),
      folder_(std::move(folder)),
      progress_(communicator.rank() == 0 ? std::move(progress) : ProgressSink(), task_name(run), run.identity),
      world_(make_world(run.config.data)),
      weights_(base.weights.clone()),
      probes_(run, base.model, weights_, registry, communicator),
      store_(communicator, folder_ / "checkpoints", static_cast<int>(run.config.checkpoint.keep)),
      boundary_(communicator, run.config.checkpoint.seconds),
      metrics_(folder_ / "metrics.jsonl", communicator.rank() == 0) {
  RunSets sets = make_run_sets(run, base, world_, labels, communicator);
  sets_ = std::move(sets.sets);
  curation_ = std::move(sets.curation);
  for (const PluginUse& use : run.config.regularizers) {
    const Offer<Regularizer>& offer = registry.regularizer(use.plugin);
    regularizers_.push_back({&use, hook("regularizer", use, "create", [&] { return offer.create(use.parameters); })});
  }
  trainer_ = std::make_unique<Trainer>(base.model, weights_, run.config.train, communicator);
  snapshots_.put("base", base.weights);
  fill_examples(trainer_->examples(), sets_, base, run.seed);
  state_.outcomes.seed = run.seed;
  state_.outcomes.arm = run.arm;
  for (const PhaseConfig& phase : run.config.phases) state_.outcomes.phase_names.push_back(phase.name);
}

void RunExecutor::execute() {
  try {
    run();
  } catch (const Stopped&) {
    throw;
  } catch (...) {
    Error error = current_error(ErrorKind::internal);
    if (error.kind() == ErrorKind::numerical) {
      error.hint((error.hint().empty() ? "lower train.learning_rate" : error.hint()) + last_checkpoint(folder_));
    }
    throw error.within(place());
  }
}

std::string RunExecutor::place() const {
  std::string text = fmt::format("arm {}, seed {}", run_.arm, run_.seed);
  if (state_.phase >= run_.config.phases.size()) return text;
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  return text + fmt::format(", phase '{}' on {}, step {} of the run", phase.name, join(phase.sets, " + "), state_.step);
}

void RunExecutor::run() {
  const bool resumed = resume();
  if (!resumed) {
    record_covariates(base_, world_, sets_, communicator_, state_.outcomes);
    evaluate(0);
  }
  while (state_.phase < run_.config.phases.size()) {
    begin_phase(state_.in_phase);
    train_phase();
    end_phase();
  }
  warn_of_silence();
  collectively(communicator_, [&] {
    if (communicator_.rank() == 0) write_record();
  });
  store_.clear();
}

void RunExecutor::train_phase() {
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  const TrainingData data = phase_data();
  const Sampler sampler(data.epoch_size, run_.seed * 1000003 + state_.phase);
  const TrainingSpan span{data, sampler, static_cast<std::uint64_t>(run_.config.train.batch_size),
                          static_cast<std::uint64_t>(phase.epochs)};
  TrainingHooks hooks;
  hooks.stepped = [&](const StepReport& report) { note_step(report); };
  hooks.epoch_ended = [&](std::uint64_t done) {
    const auto epoch = static_cast<std::int64_t>(done);
    std::optional<SetScore> validation;
    if (phase.until == Until::plateau) validation = judge_plateau(epoch);
    if (epoch % run_.config.evaluate.every_epochs == 0 || state_.position == span.end() || state_.phase_over) {
      evaluate(static_cast<float>(epoch), std::move(validation));
    }
    return !state_.phase_over;
  };
  hooks.save = [this] { checkpoint(); };
  if (!state_.phase_over)
    run_training_loop(span, phase.name, state_.step, state_.position, *trainer_, boundary_, communicator_, hooks);
  const std::uint64_t epochs = state_.position / data.epoch_size;  // whole ones: a phase ends with an epoch
  std::vector<std::string> replaced;
  collectively(communicator_, [&] { replaced = trainer_->replace_weights(); });
  state_.acted.insert(replaced.begin(), replaced.end());
  if (!replaced.empty()) evaluate(static_cast<float>(epochs));
}

void RunExecutor::note_step(const StepReport& report) {
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  ++state_.step;
  note_acting(report);
  std::string line = fmt::format(
      "{{\"step\":{},\"phase\":{},\"loss\":{:.9g},\"task_loss\":{:.9g},\"grad_norm\":{:.6g},\"lr\":{:.6g}", state_.step,
      json_string(phase.name), report.loss, report.task_loss, report.gradient_norm, report.learning_rate);
  std::size_t i = 0;
  for (const Instance& instance : regularizers_) {
    if (instance.use->acts_in(phase.name))
      line += fmt::format(",{}:{:.9g}", json_string(instance.use->key), report.penalties[i++]);
  }
  metrics_.append(line + "}");
  progress_.stepped(
      static_cast<double>(report.tokens), [&] { return fraction_done(); },
      [&] { return state_.spent.wall + watch_.spent().wall; });
  fault_point("run.step");
}

SetScore RunExecutor::score_set(const TokenizedSet& set) const {
  return score(base_.model, weights_, set, communicator_, static_cast<std::size_t>(run_.config.evaluate.batch_size));
}

void RunExecutor::evaluate(float epoch, std::optional<SetScore> validation) {
  std::vector<SetScore> scores;
  for (const TokenizedSet& set : sets_) {
    scores.push_back(validation && set.name == report::validation_set ? std::move(*validation) : score_set(set));
  }
  state_.record(static_cast<std::int32_t>(state_.phase), epoch, sets_, scores);
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  const bool at_end =
      state_.in_phase &&
      (state_.phase_over || state_.position == static_cast<std::uint64_t>(phase.epochs) * phase_data().epoch_size);
  probes_.measure(state_, epoch, at_end, snapshots_, sets_, *trainer_);
}

std::optional<SetScore> RunExecutor::judge_plateau(std::int64_t epoch) {
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  // The phase ends by a set of its own: validation facts are neither trained on nor held.
  const auto set =
      std::find_if(sets_.begin(), sets_.end(), [](const TokenizedSet& s) { return s.name == report::validation_set; });
  if (set == sets_.end()) return std::nullopt;
  SetScore validation = score_set(*set);
  const double accuracy = validation.accuracy();
  if (accuracy > state_.best_validation) {
    state_.best_validation = accuracy;
    state_.bad_epochs = 0;
  } else {
    ++state_.bad_epochs;
  }
  state_.phase_over = state_.bad_epochs >= phase.patience && epoch >= phase.min_epochs;
  return validation;
}

double RunExecutor::fraction_done() const {
  double done = 0, all = 0;
  for (std::size_t p = 0; p < run_.config.phases.size(); ++p) {
    const PhaseConfig& phase = run_.config.phases[p];
    std::uint64_t size = 0;
    for (const TokenizedSet& set : sets_) {
      if (std::find(phase.sets.begin(), phase.sets.end(), set.name) != phase.sets.end()) size += set.sequences.size();
    }
    const double work = static_cast<double>(size) * static_cast<double>(phase.epochs);
    all += work;
    done += p < state_.phase ? work : p == state_.phase ? static_cast<double>(state_.position) : 0.0;
  }
  return done / all;
}

}  // namespace stet
