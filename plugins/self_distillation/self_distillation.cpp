// Self-distillation (arXiv 2604.15574, Eq. 1-2) and its controls: the model is held to what a frozen snapshot of
// itself, or a moving average of itself, answers; or to the same answers without their knowledge. Formula and
// parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/row_losses.hpp>
#include <stet/sdk/teacher.hpp>
#include <stet/sdk/term_rows.hpp>

namespace {

struct Parameters {
  double strength = 1.0;
  double temperature = 0.5;
  stet::KlDirection direction = stet::KlDirection::forward;
  stet::RowScope mask = stet::RowScope::answer;
  std::string teacher = "base";
  double ema_decay = 0.99;
  stet::TeacherTarget target = stet::TeacherTarget::teacher;
  std::uint64_t permutation_seed = 1;
  std::string on = "batch";
  std::int64_t per_step = 16;
};

class SelfDistillation final : public stet::Regularizer {
 public:
  explicit SelfDistillation(const Parameters& parameters)
      : parameters_(parameters),
        teacher_("regularizer.self_distillation",
                 {parameters.teacher, parameters.ema_decay, parameters.target, parameters.permutation_seed}),
        rows_(parameters.on, parameters.per_step) {}

  void check(const stet::CheckContext& context) const override {
    if (off()) return;
    rows_.check(context, "on");
    teacher_.check(context, "teacher");
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }
  /// At strength 0 no more rows than without the plugin, so that the run is plain fine-tuning bit for bit.
  [[nodiscard]] stet::RowScope scope() const override { return off() ? stet::RowScope::answer : parameters_.mask; }
  [[nodiscard]] std::optional<stet::Rehearsal> rehearsal() const override {
    return off() ? std::nullopt : rows_.rehearsal();
  }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (off()) return;
    rows_.begin_phase(context);
    teacher_.begin_phase(context, resumed);
  }
  void after_step(const stet::WeightContext& context) override { teacher_.after_step(context); }
  void end_phase(const stet::PhaseContext& /*context*/) override { teacher_.end_phase(); }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (off()) return stet::no_term();
    const std::optional<at::Tensor> weights = rows_.weights(context, parameters_.strength);
    if (!weights) return stet::no_term();
    return stet::distillation_loss(context.logits, teacher_.logits(context), *weights, parameters_.temperature,
                                   parameters_.direction);
  }

  [[nodiscard]] stet::PluginState save() const override { return teacher_.save(); }
  void load(const stet::PluginState& state) override { teacher_.load(state); }

 private:
  [[nodiscard]] bool off() const { return parameters_.strength == 0; }

  Parameters parameters_;
  stet::Teacher teacher_;
  stet::TermRows rows_;
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
          .choice("direction", &Parameters::direction, stet::kl_directions(),
                  "forward: KL(teacher || student); reverse: KL(student || teacher)")
          .choice("mask", &Parameters::mask, {{"answer", stet::RowScope::answer}, {"all", stet::RowScope::all}},
                  "positions: those that predict the answer, or all")
          .field("teacher", &Parameters::teacher,
                 "\"base\", the name of a finished phase, or \"ema\": a moving average of the student")
          .field("ema_decay", &Parameters::ema_decay, "of teacher = \"ema\": what of the average a step leaves",
                 Limits{.min = 0, .max = 1})
          .choice("target", &Parameters::target, stet::teacher_targets(),
                  "teacher: its distribution; permuted: that over a permuted vocabulary; uniform: 1/V, and no teacher "
                  "is asked")
          .field("permutation_seed", &Parameters::permutation_seed, "of target = \"permuted\"")
          .field("on", &Parameters::on,
                 "\"batch\"; \"known\" or \"unknown\": the batch's sequences of that set; any other set is drawn "
                 "beside the batch")
          .field("per_step", &Parameters::per_step,
                 "sequences drawn a step, over all ranks, if `on` is drawn beside the batch", Limits{.min = 1}));
}
