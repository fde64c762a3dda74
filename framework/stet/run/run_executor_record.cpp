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
#include <stet/plugin/handover.hpp>
#include <stet/run/model_folder.hpp>
#include <stet/run/task_record.hpp>
#include <stet/run/trainer_checkpoint.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace stet {

void RunExecutor::checkpoint() {
  Checkpoint checkpoint;
  std::map<std::string, PluginState> saved;
  collectively(communicator_, [&] {
    for (const Instance& instance : regularizers_) {
      saved[instance.use->key] = hook("regularizer", *instance.use, "save", [&] {
        PluginState state = instance.regularizer->save();
        refuse_if(wrong_with_state(state), "named tensors in the CPU's memory");
        return state;
      });
    }
  });
  state_.spent += watch_.spent();
  watch_.restart();
  collectively(communicator_, [&] { checkpoint.metadata["metrics_bytes"] = std::to_string(metrics_.sync()); });
  state_.save_to(checkpoint);
  checkpoint.metadata["identity"] = run_.identity;
  checkpoint.metadata["manifest"] = manifest_;
  checkpoint.metadata["model"] = model_shape_text(base_.model.config());
  save_trainer(*trainer_, weights_, checkpoint);
  checkpoint.tensors["phase_start"] = phase_start_;
  for (const auto& [name, weights] : snapshots_.all()) {
    if (name != "base") checkpoint.tensors["snapshot." + name] = weights;  // the base is an artifact of its own
  }
  for (const auto& [key, state] : saved) {
    for (const auto& [name, tensor] : state) checkpoint.tensors["plugin." + key + "." + name] = tensor;
  }
  store_.save(checkpoint);
}

bool RunExecutor::resume() {
  const std::optional<Checkpoint> checkpoint = store_.load_newest();
  if (!checkpoint) {
    collectively(communicator_, [&] { metrics_.cut(0); });
    return false;
  }
  if (checkpoint->metadata.at("identity") != run_.identity) {
    throw Error(ErrorKind::checkpoint, "the checkpoint belongs to another run").at((folder_ / "checkpoints").string());
  }
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
  phase_start_ = checkpoint->tensors.at("phase_start").clone();
  trainer_->optimizer() = load_trainer(*checkpoint, weights_);
  for (const auto& [name, tensor] : checkpoint->tensors) {
    if (name.starts_with("snapshot.")) snapshots_.put(name.substr(9), tensor.clone());
  }
  for (Instance& instance : regularizers_) {
    const std::string prefix = "plugin." + instance.use->key + ".";
    PluginState own;
    for (const auto& [name, tensor] : checkpoint->tensors) {
      if (name.starts_with(prefix)) own[name.substr(prefix.size())] = tensor.clone();
    }
    hook("regularizer", *instance.use, "load", [&] { instance.regularizer->load(own); });
  }
  return true;
}

void RunExecutor::note_acting(const StepReport& report) {
  const std::string& phase = run_.config.phases[state_.phase].name;
  std::size_t i = 0;
  for (const Instance& instance : regularizers_) {
    if (instance.use->acts_in(phase) && report.penalties[i++] != 0) state_.acted.insert(instance.use->key);
  }
}

void RunExecutor::warn_of_silence() {
  for (const Instance& instance : regularizers_) {
    const PluginUse& use = *instance.use;
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
  write_file_atomically(folder_ / "manifest.txt", manifest_);
  if (!curation_.empty()) write_file_atomically(folder_ / "curation.md", curation_);
  if (run_.config.checkpoint.keep_weights) save_model_folder(folder_, base_.model, weights_, base_.tokenizer);
  report::save_outcomes(folder_ / "outcomes.safetensors", state_.outcomes);
  fault_point("run.record");
  state_.spent += watch_.spent();
  task::mark_finished(folder_, state_.spent, communicator_.size(), hash_file(folder_ / "outcomes.safetensors"));
}

}  // namespace stet
