#include <stet/run/run_executor.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/strings.hpp>
#include <stet/run/fact_covariates.hpp>
#include <stet/run/record/manifest.hpp>
#include <stet/run/run_examples.hpp>
#include <stet/run/training/phase_data.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace stet {

namespace {
/// For a hint: where the run can be looked at as it was before it failed.
std::string last_checkpoint(const std::filesystem::path& folder) {
  const std::optional<std::filesystem::path> newest = newest_checkpoint(folder / "checkpoints");
  return newest ? "; the last good checkpoint is " + newest->string() : "";
}
}  // namespace

RunExecutor::RunExecutor(const PlannedRun& run, const BaseModel& base, const World& world,
                         const KnowledgeLabels* labels, PluginRegistry& registry, Communicator& communicator,
                         std::filesystem::path folder, ProgressSink progress)
    : run_(run),
      base_(base),
      world_(world),
      registry_(registry),
      communicator_(communicator),
      folder_(std::move(folder)),
      progress_(communicator.rank() == 0 ? std::move(progress) : ProgressSink(), task_name(run), run.identity),
      sets_(make_run_sets(run, base, world, labels, communicator)),
      tuning_(base.model, base.weights, run.config.train, communicator),
      evaluation_(run, base.model, base.tokenizer, tuning_, sets_.sets, registry, communicator),
      store_(communicator, folder_ / "checkpoints", static_cast<int>(run.config.checkpoint.keep)),
      boundary_(communicator, run.config.checkpoint.seconds),
      metrics_(folder_ / "metrics.jsonl", communicator.rank() == 0) {
  tuning_.add_plugins(run.config, registry);
  fill_examples(tuning_.trainer().examples(), sets_.sets, base, world, run.seed);
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
  const std::string text = fmt::format("arm {}, seed {}", run_.arm, run_.seed);
  if (state_.phase >= run_.config.phases.size()) return text;
  return text +
         fmt::format(", phase '{}' on {}, step {} of the run", phase().name, join(phase().sets, " + "), state_.step);
}

void RunExecutor::run() {
  fault_point("run.begin");
  if (!resume()) {
    record_covariates(base_, world_, sets_.sets, communicator_, state_.outcomes);
    evaluation_.evaluate(state_, 0, false);
  }
  while (state_.phase < run_.config.phases.size()) {
    begin_phase();
    train_phase();
    tuning_.end_phase();
    ++state_.phase;
    state_.in_phase = false;
  }
  warn_of_silence();
  collectively(communicator_, [&] {
    if (communicator_.rank() == 0) write_record();
  });
  fault_point("run.clear");
  store_.clear();
}

void RunExecutor::begin_phase() {
  fault_point("run.phase");
  const bool resumed = state_.in_phase;
  communicator_.recorder().step(phase().name, state_.step);
  tuning_.begin_phase(phase().name, resumed);
  if (resumed) return;  // the manifest has it already
  state_.begin_phase();
  manifest_ += freeze_manifest(phase().name, tuning_.strategy(), base_.model.table(), tuning_.selection());
}

void RunExecutor::train_phase() {
  const TrainingData data = phase_data(phase(), sets_.sets);
  const Sampler sampler(data.epoch_size, run_.seed * 1000003 + state_.phase);
  const TrainingSpan span{data, sampler, static_cast<std::uint64_t>(run_.config.train.batch_size),
                          static_cast<std::uint64_t>(phase().epochs)};
  TrainingHooks hooks;
  hooks.stepped = [&](const StepReport& report) { note_step(report); };
  hooks.epoch_ended = [&](std::uint64_t done) {
    const auto epoch = static_cast<std::int64_t>(done);
    std::optional<SetScore> validation;
    if (phase().until == Until::plateau) validation = evaluation_.judge_plateau(state_, epoch);
    const bool at_end = state_.position == span.end() || state_.phase_over;
    if (epoch % run_.config.evaluate.every_epochs == 0 || at_end)
      evaluation_.evaluate(state_, static_cast<float>(epoch), at_end, std::move(validation));
    return !state_.phase_over;
  };
  hooks.save = [this](bool last) { checkpoint(last); };
  hooks.store = &store_;
  if (!state_.phase_over) {
    run_training_loop(span, phase().name, state_.step, state_.position, tuning_.trainer(), boundary_, communicator_,
                      hooks);
  }
  fault_point("run.replace");
  const std::vector<std::string> replaced = tuning_.replace_weights();
  state_.acted.insert(replaced.begin(), replaced.end());
  if (replaced.empty()) return;
  const std::uint64_t epochs = state_.position / data.epoch_size;  // whole ones: a phase ends with an epoch
  evaluation_.evaluate(state_, static_cast<float>(epochs), true);
}

void RunExecutor::note_step(const StepReport& report) {
  ++state_.step;
  std::string line = fmt::format(
      "{{\"step\":{},\"phase\":{},\"loss\":{:.9g},\"task_loss\":{:.9g},\"grad_norm\":{:.6g},\"lr\":{:.6g}", state_.step,
      json_string(phase().name), report.loss, report.task_loss, report.gradient_norm, report.learning_rate);
  for (std::size_t i = 0; i < report.penalties.size(); ++i) {
    const std::string& key = tuning_.acting()[i];
    if (report.penalties[i] != 0) state_.acted.insert(key);
    line += fmt::format(",{}:{:.9g}", json_string(key), report.penalties[i]);
  }
  metrics_.append(line + samples_text(report) + "}");
  progress_.stepped(
      static_cast<double>(report.tokens), [&] { return fraction_done(); },
      [&] { return state_.spent.wall + watch_.spent().wall; });
  fault_point("run.step");
}

double RunExecutor::fraction_done() const {
  double done = 0, all = 0;
  for (std::size_t p = 0; p < run_.config.phases.size(); ++p) {
    const PhaseConfig& phase = run_.config.phases[p];
    const double work = static_cast<double>(phase_size(phase, sets_.sets)) * static_cast<double>(phase.epochs);
    all += work;
    done += p < state_.phase ? work : p == state_.phase ? static_cast<double>(state_.position) : 0.0;
  }
  return done / all;
}

}  // namespace stet
