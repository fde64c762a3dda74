#include <stet/base/error.hpp>
#include <stet/sdk/random_choice.hpp>
#include <stet/sdk/state.hpp>
#include <stet/sdk/teacher.hpp>

namespace stet {

std::vector<std::pair<std::string, TeacherTarget>> teacher_targets() {
  return {
      {"teacher", TeacherTarget::teacher}, {"permuted", TeacherTarget::permuted}, {"uniform", TeacherTarget::uniform}};
}

void Teacher::check(const CheckContext& context, const std::string& key) const {
  if (options_.target != TeacherTarget::uniform && !is_average()) context.require_snapshot(key, options_.name);
}

void Teacher::begin_phase(const PhaseContext& context, bool resumed) {
  if (options_.target == TeacherTarget::uniform) return;
  if (!is_average()) {
    static_cast<void>(context.snapshots.get(options_.name));
    return;
  }
  if (!resumed) average_ = context.weights.detach().clone();
  if (!average_.defined() || average_.sizes() != context.weights.sizes()) {
    throw Error(ErrorKind::checkpoint, "the checkpoint lacks the average of weights that is the teacher")
        .at(owner_ + ", phase '" + context.phase + "'")
        .hint("start the run anew");
  }
}

void Teacher::after_step(const WeightContext& context) {
  // lerp_ leaves what does not train as it is, to the bit.
  if (average_.defined()) average_.lerp_(context.values, 1 - options_.ema_decay);
}

at::Tensor Teacher::logits(const OutputContext& context) {
  if (options_.target == TeacherTarget::uniform) return at::zeros_like(context.logits);
  STET_ASSERT(!is_average() || average_.defined());  // begin_phase comes first
  const at::Tensor logits = is_average() ? context.logits_under(average_) : context.snapshot_logits(options_.name);
  if (options_.target == TeacherTarget::teacher) return logits;
  if (!permutation_.defined()) permutation_ = random_permutation(logits.size(1), options_.permutation_seed);
  return logits.index_select(1, permutation_);
}

PluginState Teacher::save() const { return state_of({{average_name, average_}}); }

void Teacher::load(const PluginState& state) {
  average_ = tensor_of(state, average_name);
  if (average_.defined()) average_ = average_.clone();
}

}  // namespace stet
