// What a run leaves on disk: checkpoints while it goes on, its record at the end, and in it what regularizers did
// nothing.
#include <stet/run/run_executor.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/hugging_face/own_adapter.hpp>
#include <stet/outcomes/answer_baseline.hpp>
#include <stet/run/record/checkpoint_identity.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/run/record/task_record.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

void RunExecutor::checkpoint(bool last) {
  tuning_.trainer().check_replicas();  // or a damaged replica's share of the weights would be resumed from
  Checkpoint checkpoint;
  tuning_.save(checkpoint);
  state_.spent += watch_.spent();
  watch_.restart();
  collectively(communicator_, [&] { checkpoint.metadata["metrics_bytes"] = std::to_string(metrics_.sync()); });
  state_.save_to(checkpoint);
  write_identity(checkpoint, checkpoint_identity());
  checkpoint.metadata["manifest"] = manifest_;
  checkpoint.metadata["model"] = model_shape_text(base_.model.config());
  if (run_.config.checkpoint.asynchronous && !last) {
    store_.begin(checkpoint);
  } else {
    store_.save(checkpoint);
  }
}

config::Value RunExecutor::checkpoint_identity() const {
  // The model first: the run's own identity holds its base by a hash alone.
  config::Value identity = config::Value::table();
  identity.set("model", config::parse(model_shape_text(base_.model.config()), "model"));
  for (const auto& [key, value] : run_.resolved.members()) identity.set(key, value);
  return identity;
}

bool RunExecutor::resume() {
  const std::optional<Checkpoint> checkpoint = store_.load_newest();
  if (!checkpoint) {
    collectively(communicator_, [&] { metrics_.cut(0); });
    return false;
  }
  refuse_other_identity(*checkpoint, checkpoint_identity(), folder_ / "checkpoints");
  state_.load_from(*checkpoint);
  collectively(communicator_, [&] {
    const auto bytes = checkpoint->metadata.find("metrics_bytes");
    if (bytes != checkpoint->metadata.end()) {
      metrics_.cut(std::stoull(bytes->second));
    } else {  // a checkpoint of an older stet holds the lines themselves
      metrics_.cut(0);
      for (const std::string& line : state_.older_metrics) metrics_.append(line);
    }
  });
  manifest_ = checkpoint->metadata.at("manifest");
  tuning_.load(*checkpoint);
  return true;
}

void RunExecutor::warn_of_silence() {
  for (const PluginUse& use : run_.config.regularizers) {
    const auto acts = [&](const PhaseConfig& phase) { return use.acts_in(phase.name); };
    if (state_.acted.contains(use.key) || std::none_of(run_.config.phases.begin(), run_.config.phases.end(), acts))
      continue;
    const Offer<Regularizer>& offer = registry_.regularizer(use.plugin);
    if (is_off(offer, offer.resolve(use.parameters))) continue;
    const std::string warning = fmt::format(
        "regularizer '{}': its term was 0 in every step, and it replaced no weights: the run trained as if without it",
        use.key);
    manifest_ += "warning: " + warning + "\n";
    log::warning("arm {}, seed {}: {}; do its phases train on the sets that it is for?", run_.arm, run_.seed, warning);
  }
}

void RunExecutor::add_answers() {
  std::map<std::string, std::vector<std::string_view>> answers;
  std::set<std::string> trained;
  for (const TokenizedSet& set : sets_.sets) {
    std::vector<std::string_view>& of_set = answers[set.name];
    for (const Fact& fact : set.facts) of_set.push_back(fact.answer);
  }
  for (const PhaseConfig& phase : run_.config.phases) trained.insert(phase.sets.begin(), phase.sets.end());
  report::add_answer_baselines(state_.outcomes, answers, trained);
}

void RunExecutor::write_adapter(const std::optional<ModelSource>& source) {
  const std::vector<LowRankChange>& changes = tuning_.low_rank_changes();
  if (changes.empty()) return;
  const BaseConfig& base = run_.config.base;
  const std::string beyond = beyond_low_rank(base_.model.table(), changes, base_.weights, tuning_.weights());
  if (!beyond.empty()) {
    manifest_ += "no adapter: " + beyond + " has changed by more than low-rank changes\n";
  } else if (base.weights == BaseWeights::bfloat16) {
    manifest_ += "no adapter: base.weights = \"bfloat16\" rounded the weights of the folder, which it would be of\n";
  } else {  // of the folder: with what the run began with on top of it
    std::vector<LowRankChange> all;
    if (!base.adapter.empty()) all = read_base_adapter(base.adapter, base.folder, base_.model.config());
    all.insert(all.end(), changes.begin(), changes.end());
    write_adapter_record(folder_, {base_.model.config(), source, stacked(all)});
  }
}

void RunExecutor::write_record() {
  const auto lines = [](const std::vector<std::string>& list) {
    return list.empty() ? std::string() : join(list, "\n") + "\n";
  };
  write_file_atomically(folder_ / "run.toml", config::to_toml(run_.resolved));
  metrics_.sync();
  if (!state_.measurements.empty()) {
    write_file_atomically(folder_ / "measurements.csv",
                          "probe,name,set,layer,step,phase,epoch,value\n" + lines(state_.measurements));
  }
  const BaseConfig& base = run_.config.base;
  const std::optional<ModelSource> source =
      base.given() ? std::optional(ModelSource{base.folder, base.content}) : std::nullopt;
  write_adapter(source);
  write_file_atomically(folder_ / "manifest.txt", manifest_);
  if (!sets_.curation.empty()) write_file_atomically(folder_ / "curation.md", sets_.curation);
  if (run_.config.checkpoint.keep_weights)
    save_model_folder(folder_, base_.model, tuning_.weights(), base_.tokenizer, source);
  add_answers();
  report::save_outcomes(folder_ / "outcomes.safetensors", state_.outcomes);
  fault_point("run.record");
  state_.spent += watch_.spent();
  task::mark_finished(folder_, state_.spent, communicator_.size(), hash_file(folder_ / "outcomes.safetensors"));
}

}  // namespace stet
