// Self-distillation (arXiv 2604.15574, Eq. 1-2) and its controls: the model is held to what a frozen snapshot of
// itself, or a moving average of itself, answers; or to the same answers without their knowledge. Formula and
// parameters: README.md.
#include "distillation.hpp"

#include <stet/base/permutation.hpp>
#include <stet/plugin.hpp>

#include <algorithm>

namespace {

enum class Direction { forward, reverse };
enum class Target { teacher, permuted, uniform };

struct Parameters {
  double strength = 1.0;
  double temperature = 0.5;
  Direction direction = Direction::forward;
  stet::RowScope mask = stet::RowScope::answer;
  std::string teacher = "base";
  double ema_decay = 0.99;
  Target target = Target::teacher;
  std::uint64_t permutation_seed = 1;
  std::string on = "batch";
  std::int64_t per_step = 16;
};

class SelfDistillation final : public stet::Regularizer {
 public:
  explicit SelfDistillation(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    if (off()) return;
    if (parameters_.on != "batch") context.require_examples("on", parameters_.on);
    if (parameters_.target != Target::uniform && parameters_.teacher != average_name)
      context.require_snapshot("teacher", parameters_.teacher);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }
  /// At strength 0 no more rows are asked for than without the plugin, so that the run is plain fine-tuning bit for
  /// bit.
  [[nodiscard]] stet::RowScope scope() const override { return off() ? stet::RowScope::answer : parameters_.mask; }

  [[nodiscard]] std::optional<stet::Rehearsal> rehearsal() const override {
    if (off() || parameters_.on == "batch" || picks()) return std::nullopt;
    return stet::Rehearsal{parameters_.on, parameters_.per_step};
  }

  /// What a step would not find is refused here, where every rank refuses it.
  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (off()) return;
    if (picks()) static_cast<void>(context.examples.size(parameters_.on));
    if (parameters_.target == Target::uniform) return;
    if (parameters_.teacher != average_name) {
      static_cast<void>(context.snapshots.get(parameters_.teacher));
      return;
    }
    if (!resumed) average_ = context.weights.detach().clone();
    if (!average_.defined() || average_.sizes() != context.weights.sizes()) {
      throw stet::Error(stet::ErrorKind::checkpoint, "the checkpoint lacks the average of weights that is the teacher")
          .at("regularizer.self_distillation, phase '" + context.phase + "'")
          .hint("start the run anew");
    }
  }
  void end_phase(const stet::PhaseContext& /*context*/) override { average_ = at::Tensor(); }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (off()) return nothing();
    at::Tensor weights = context.row_weights * parameters_.strength;
    if (picks()) {
      const std::vector<bool> mine = picked(context);
      if (std::find(mine.begin(), mine.end(), true) == mine.end()) return nothing();
      weights = weights * at::tensor(std::vector<double>(mine.begin(), mine.end())).to(weights.scalar_type());
    }
    return Distillation::apply(context.logits, target(context), weights, parameters_.temperature,
                               parameters_.direction == Direction::reverse);
  }

  void after_step(const stet::WeightContext& context) override {
    // lerp_ leaves what does not train as it is, to the bit.
    if (average_.defined()) average_.lerp_(context.values, 1 - parameters_.ema_decay);
  }

  [[nodiscard]] stet::PluginState save() const override {
    stet::PluginState state;
    if (average_.defined()) state[average_name] = average_;
    return state;
  }
  void load(const stet::PluginState& state) override {
    const auto found = state.find(average_name);
    average_ = found == state.end() ? at::Tensor() : found->second.clone();
  }

 private:
  static constexpr const char* average_name = "ema";

  [[nodiscard]] static at::Tensor nothing() { return at::zeros({}, at::TensorOptions().dtype(at::kDouble)); }
  [[nodiscard]] bool off() const { return parameters_.strength == 0; }
  /// Whether rows of the batch are picked by the fact set of their sequence.
  [[nodiscard]] bool picks() const { return parameters_.on == "known" || parameters_.on == "unknown"; }

  [[nodiscard]] std::vector<bool> picked(const stet::OutputContext& context) const {
    const auto found = std::find(context.sets.begin(), context.sets.end(), parameters_.on);
    const auto number = static_cast<std::int32_t>(found - context.sets.begin());
    std::vector<bool> result;
    for (const std::int32_t sequence : context.sequence_of) {
      result.push_back(found != context.sets.end() && context.set_of[static_cast<std::size_t>(sequence)] == number);
    }
    return result;
  }

  [[nodiscard]] at::Tensor target(const stet::OutputContext& context) {
    if (parameters_.target == Target::uniform) return at::zeros_like(context.logits);
    const at::Tensor logits =
        parameters_.teacher == average_name ? average_logits(context) : context.snapshot_logits(parameters_.teacher);
    if (parameters_.target == Target::teacher) return logits;
    return logits.index_select(1, permutation(logits.size(1)));
  }

  [[nodiscard]] at::Tensor average_logits(const stet::OutputContext& context) const {
    STET_ASSERT(average_.defined());  // begin_phase comes first
    return context.logits_under(average_);
  }

  /// One permutation of the vocabulary for the whole run: what stands at i is the teacher's logit of token
  /// permutation[i].
  [[nodiscard]] const at::Tensor& permutation(std::int64_t vocabulary) {
    if (!permutation_.defined()) {
      const stet::KeyedPermutation order(static_cast<std::uint64_t>(vocabulary), parameters_.permutation_seed);
      std::vector<std::int64_t> image;
      for (std::int64_t i = 0; i < vocabulary; ++i)
        image.push_back(static_cast<std::int64_t>(order(static_cast<std::uint64_t>(i))));
      permutation_ = at::tensor(image);
    }
    return permutation_;
  }

  Parameters parameters_;
  at::Tensor average_;      // flat, in a phase with teacher = "ema"
  at::Tensor permutation_;  // [V]
};

}  // namespace

STET_PLUGIN("self_distillation", "2.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<SelfDistillation>(
      "self_distillation", "holds the outputs to those of a snapshot or an average of the model (arXiv 2604.15574)",
      stet::config::Schema<Parameters>("regularizer.self_distillation")
          .field("strength", &Parameters::strength, "lambda, the weight of the term", Limits{.min = 0})
          .field("temperature", &Parameters::temperature, "tau, divides both models' logits",
                 Limits{.min = 0, .open_min = true})
          .choice("direction", &Parameters::direction,
                  {{"forward", Direction::forward}, {"reverse", Direction::reverse}},
                  "forward: KL(teacher || student); reverse: KL(student || teacher)")
          .choice("mask", &Parameters::mask, {{"answer", stet::RowScope::answer}, {"all", stet::RowScope::all}},
                  "positions: those that predict the answer, or all")
          .field("teacher", &Parameters::teacher,
                 "\"base\", the name of a finished phase, or \"ema\": a moving average of the student")
          .field("ema_decay", &Parameters::ema_decay, "of teacher = \"ema\": what of the average a step leaves",
                 Limits{.min = 0, .max = 1})
          .choice("target", &Parameters::target,
                  {{"teacher", Target::teacher}, {"permuted", Target::permuted}, {"uniform", Target::uniform}},
                  "teacher: its distribution; permuted: that over a permuted vocabulary; uniform: 1/V, and no teacher "
                  "is asked")
          .field("permutation_seed", &Parameters::permutation_seed, "of target = \"permuted\"")
          .field("on", &Parameters::on,
                 "\"batch\"; \"known\" or \"unknown\": the batch's sequences of that set; any other set is drawn "
                 "beside the batch")
          .field("per_step", &Parameters::per_step,
                 "sequences drawn a step, over all ranks, if `on` is drawn beside the batch", Limits{.min = 1}));
}
