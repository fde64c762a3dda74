// What happens to a run at the edges of a phase: its data, what trains, the regularizers' hooks, and whether what is
// frozen was left alone.
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

TrainingData RunExecutor::phase_data() const {
  const PhaseConfig& phase = run_.config.phases[state_.phase];
  std::vector<const TokenizedSet*> parts;
  std::uint64_t size = 0;
  for (const TokenizedSet& set : sets_) {
    if (std::find(phase.sets.begin(), phase.sets.end(), set.name) == phase.sets.end()) continue;
    parts.push_back(&set);
    size += set.sequences.size();
  }
  if (size == 0)
    throw Error(ErrorKind::config, "phase '" + phase.name + "' has no facts to train on").hint("see [sets]");
  const auto at = [parts](std::uint64_t index) -> const TokenSequence& {
    for (const TokenizedSet* part : parts) {
      if (index < part->sequences.size()) return part->sequences[index];
      index -= part->sequences.size();
    }
    STET_ASSERT(false);
    return parts.front()->sequences.front();
  };
  return {join(phase.sets, " + "), size, [at](std::uint64_t /*epoch*/, std::uint64_t index) { return at(index); },
          [at](std::uint64_t /*epoch*/, std::uint64_t index) {
            return SequenceSize{at(index).ids.size(), at(index).loss_tokens()};
          }};
}

TrainableSelection RunExecutor::select_trainable(bool listed) {
  const std::string& phase = run_.config.phases[state_.phase].name;
  const ParameterTable& table = base_.model.table();
  TrainableSelection selection{std::vector<bool>(table.size(), true), {}};
  std::string strategy = "none";
  for (const PluginUse& use : run_.config.freezes) {
    if (!use.acts_in(phase)) continue;
    const Offer<FreezeStrategy>& offer = registry_.freeze_strategy(use.plugin);
    const std::unique_ptr<FreezeStrategy> chosen =
        hook("freeze strategy", use, "create", [&] { return offer.create(use.parameters); });
    selection = hook("freeze strategy", use, "select", [&] {
      TrainableSelection mine = chosen->select(table);
      refuse_if(wrong_with_selection(mine, table), expected_of_selection);
      return mine;
    });
    strategy = use.key;
  }
  if (!listed) manifest_ += freeze_manifest(phase, strategy, table, selection);
  return selection;
}

void RunExecutor::begin_phase(bool resumed) {
  const std::string& phase = run_.config.phases[state_.phase].name;
  communicator_.recorder().step(phase, state_.step);
  std::vector<ActiveRegularizer> active;
  collectively(communicator_, [&] {
    for (Instance& instance : regularizers_) {
      if (!instance.use->acts_in(phase)) continue;
      active.push_back({instance.use->key, instance.regularizer.get()});
      hook("regularizer", *instance.use, "begin_phase", [&] {
        const Lent values(weights_, true);
        instance.regularizer->begin_phase({phase, base_.model, weights_, snapshots_, trainer_->examples()}, resumed);
        values.refuse_write("the weights");
      });
    }
  });
  if (!resumed) {
    state_.in_phase = true;
    state_.position = 0;
    state_.best_validation = -1;
    state_.bad_epochs = 0;
    state_.phase_over = false;
    phase_start_ = weights_.clone();
  }
  const OptimizerState kept = trainer_->optimizer();
  collectively(communicator_,
               [&] { trainer_->begin_phase(select_trainable(resumed), std::move(active), snapshots_, phase_start_); });
  if (resumed) {
    if (kept.first.numel() != trainer_->trainable_elements() ||
        kept.factors.defined() != trainer_->optimizer().factors.defined()) {
      throw Error(ErrorKind::checkpoint,
                  "the checkpoint's optimizer state does not fit what trains in phase '" + phase + "'");
    }
    trainer_->optimizer() = kept;
  }
}

void RunExecutor::check_frozen() const {
  const ParameterTable& table = base_.model.table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const at::Tensor then = table.view(phase_start_, i), now = table.view(weights_, i);
    const auto mask = trainer_->masks().find(i);
    if (mask != trainer_->masks().end()) {
      if (at::where(mask->second.eq(1), then, now).equal(then)) continue;
    } else if (trainer_->trains()[i] || hash_tensor(then) == hash_tensor(now)) {
      continue;
    }
    throw Error(ErrorKind::plugin, "a frozen parameter has changed")
        .at(fmt::format("arm {}, phase '{}', {}", run_.arm, run_.config.phases[state_.phase].name, table[i].name))
        .hint("a plugin wrote to weights that it was told to leave alone");
  }
}

void RunExecutor::end_phase() {
  const std::string& phase = run_.config.phases[state_.phase].name;
  check_frozen();
  collectively(communicator_, [&] {
    for (Instance& instance : regularizers_) {
      if (!instance.use->acts_in(phase)) continue;
      hook("regularizer", *instance.use, "end_phase", [&] {
        const Lent values(weights_, true);
        instance.regularizer->end_phase({phase, base_.model, weights_, snapshots_, trainer_->examples()});
        values.refuse_write("the weights");
      });
    }
  });
  snapshots_.put(phase, weights_.clone());
  ++state_.phase;
  state_.in_phase = false;
}

}  // namespace stet
