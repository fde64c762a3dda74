#include <stet/run/training/fine_tuning.hpp>

#include <stet/base/error.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/run/training/trainer_checkpoint.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace stet {

namespace {
constexpr const char *regularizer_kind = "regularizer", *strategy_kind = "freeze strategy";

std::string state_prefix(const std::string& key) { return "plugin." + key + "."; }
}  // namespace

FineTuning::FineTuning(const Transformer& model, const at::Tensor& base, const TrainOptions& options,
                       Communicator& communicator)
    : model_(model),
      weights_(base.clone()),
      communicator_(communicator),
      trainer_(model, weights_, options, communicator) {
  snapshots_.put("base", base);
}

template <class Plugin>
bool FineTuning::Added<Plugin>::acts_in(const std::string& phase) const {
  return phases.empty() || std::find(phases.begin(), phases.end(), phase) != phases.end();
}

void FineTuning::add(std::string key, std::unique_ptr<Regularizer> regularizer, std::vector<std::string> phases) {
  regularizers_.push_back({std::move(key), std::move(regularizer), std::move(phases)});
}

void FineTuning::add(std::string key, std::unique_ptr<FreezeStrategy> strategy, std::vector<std::string> phases) {
  strategies_.push_back({std::move(key), std::move(strategy), std::move(phases)});
}

void FineTuning::add_plugins(const RunConfig& config, PluginRegistry& registry) {
  const auto made = [&](const char* kind, const PluginUse& use, const auto& offer) {
    return guarded(communicator_.recorder(), kind, use.key, "create", [&] { return offer.create(use.parameters); });
  };
  for (const PluginUse& use : config.regularizers)
    add(use.key, made(regularizer_kind, use, registry.regularizer(use.plugin)), use.phases);
  for (const PluginUse& use : config.freezes)
    add(use.key, made(strategy_kind, use, registry.freeze_strategy(use.plugin)), use.phases);
}

void FineTuning::select() {
  const ParameterTable& table = model_.table();
  selection_ = {std::vector<bool>(table.size(), true), {}};
  strategy_ = "none";
  for (const Added<FreezeStrategy>& added : strategies_) {
    if (!added.acts_in(phase_)) continue;
    selection_ = guarded(communicator_.recorder(), strategy_kind, added.key, "select", [&] {
      TrainableSelection mine = added.plugin->select(table);
      refuse_if(wrong_with_selection(mine, table), expected_of_selection);
      return mine;
    });
    strategy_ = added.key;
  }
}

void FineTuning::begin_phase(const std::string& phase, bool resumed) {
  phase_ = phase;
  acting_.clear();
  std::vector<ActiveRegularizer> active;
  collectively(communicator_, [&] {
    for (const Added<Regularizer>& added : regularizers_) {
      if (!added.acts_in(phase)) continue;
      acting_.push_back(added.key);
      active.push_back({added.key, added.plugin.get()});
      guarded(communicator_.recorder(), regularizer_kind, added.key, "begin_phase", [&] {
        const Lent values(weights_, true);
        added.plugin->begin_phase(context(), resumed);
        values.refuse_write("the weights");
      });
    }
  });
  if (!resumed) phase_start_ = weights_.clone();
  collectively(communicator_, [&] {
    select();
    trainer_.begin_phase(selection_, active, snapshots_, phase_start_);
  });
  if (!resumed) return;
  STET_ASSERT(loaded_.has_value());
  if (loaded_->first.numel() != trainer_.trainable_elements() ||
      loaded_->factors.defined() != trainer_.optimizer().factors.defined()) {
    throw Error(ErrorKind::checkpoint,
                "the checkpoint's optimizer state does not fit what trains in phase '" + phase + "'");
  }
  trainer_.optimizer() = *std::exchange(loaded_, std::nullopt);
}

std::vector<std::string> FineTuning::replace_weights() {
  std::vector<std::string> replaced;
  collectively(communicator_, [&] { replaced = trainer_.replace_weights(); });
  return replaced;
}

void FineTuning::check_frozen() const {
  const ParameterTable& table = model_.table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const at::Tensor then = table.view(phase_start_, i), now = table.view(weights_, i);
    const auto mask = trainer_.masks().find(i);
    const bool masked = mask != trainer_.masks().end();
    if (masked ? at::where(mask->second.eq(1), then, now).equal(then)
               : trainer_.trains()[i] || hash_tensor(then) == hash_tensor(now))
      continue;
    throw Error(ErrorKind::plugin,
                masked ? "frozen elements of a parameter have changed" : "a frozen parameter has changed")
        .at("phase '" + phase_ + "', " + table[i].name)
        .hint(masked ? "where WeightContext::masks has an entry, a plugin leaves the values alone where it is 0"
                     : "a plugin wrote to weights that it was told to leave alone");
  }
}

void FineTuning::end_phase() {
  check_frozen();
  collectively(communicator_, [&] {
    for (const Added<Regularizer>& added : regularizers_) {
      if (!added.acts_in(phase_)) continue;
      guarded(communicator_.recorder(), regularizer_kind, added.key, "end_phase", [&] {
        const Lent values(weights_, true);
        added.plugin->end_phase(context());
        values.refuse_write("the weights");
      });
    }
  });
  snapshots_.put(phase_, weights_.clone());
  for (LowRankChange& change : trainer_.low_rank_changes()) changes_.push_back(std::move(change));
}

void FineTuning::save(Checkpoint& checkpoint) const {
  save_trainer(trainer_, weights_, checkpoint);
  checkpoint.tensors["phase_start"] = phase_start_;
  save_changes(changes_, checkpoint);
  for (const auto& [name, weights] : snapshots_.all()) {
    if (name != "base") checkpoint.tensors["snapshot." + name] = weights;
  }
  std::map<std::string, PluginState> saved;
  collectively(communicator_, [&] {
    for (const Added<Regularizer>& added : regularizers_) {
      saved[added.key] = guarded(communicator_.recorder(), regularizer_kind, added.key, "save", [&] {
        PluginState state = added.plugin->save();
        refuse_if(wrong_with_state(state), "named tensors in the CPU's memory");
        return state;
      });
    }
  });
  for (const auto& [key, state] : saved) {
    for (const auto& [name, tensor] : state) checkpoint.tensors[state_prefix(key) + name] = tensor;
  }
}

void FineTuning::load(const Checkpoint& checkpoint) {
  phase_start_ = checkpoint.tensors.at("phase_start").clone();
  loaded_ = load_trainer(checkpoint, weights_);
  changes_ = load_changes(checkpoint);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (name.starts_with("snapshot.")) snapshots_.put(name.substr(9), tensor.clone());
  }
  for (const Added<Regularizer>& added : regularizers_) {
    const std::string prefix = state_prefix(added.key);
    PluginState own;
    for (const auto& [name, tensor] : checkpoint.tensors) {
      if (name.starts_with(prefix)) own[name.substr(prefix.size())] = tensor.clone();
    }
    guarded(communicator_.recorder(), regularizer_kind, added.key, "load", [&] { added.plugin->load(own); });
  }
}

}  // namespace stet
