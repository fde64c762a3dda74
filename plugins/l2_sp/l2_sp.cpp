// L2-SP (Li, Grandvalet & Davoine 2018): a quadratic penalty towards a starting point; its strength may be matched to a
// self-distillation term (arXiv 2604.15574, section 5.2). Formulas and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/state.hpp>
#include <stet/sdk/weight_walk.hpp>

namespace {

enum class Match { none, self_distillation };

struct Parameters {
  double strength = 0.01;
  std::string reference = "base";
  Match match = Match::none;
  std::int64_t match_every = 10, match_examples = 64;
  std::string match_teacher = "base";
  double match_temperature = 0.5, match_lambda = 1.0;
};

const std::vector<std::string> calibration_sets = {"unknown", "known"};

class L2Sp final : public stet::Regularizer {
 public:
  explicit L2Sp(const Parameters& parameters) : parameters_(parameters), strength_(parameters.strength) {}

  void check(const stet::CheckContext& context) const override {
    if (parameters_.strength == 0) return;
    context.require_snapshot("reference", parameters_.reference);
    if (!matches()) return;
    context.require_snapshot("match_teacher", parameters_.match_teacher);
    for (const std::string& set : calibration_sets) context.require_examples("match", set);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (!matches()) return;
    static_cast<void>(context.snapshots.get(parameters_.match_teacher));  // a wrong name is an error at once
    if (!resumed) strength_ = parameters_.strength;
  }

  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;  // not a bit of the gradient may change
    return add_quadratic(context, context.snapshots.get(parameters_.reference), {}, strength_);
  }

  /// Between steps, so that within a step the penalty is a function of the weights with a fixed strength.
  void after_step(const stet::WeightContext& context) override {
    if (!matches() || (context.step != 0 && (context.step + 1) % parameters_.match_every != 0)) return;
    const double distance = trainable_norm(context, context.values, context.snapshots.get(parameters_.reference));
    const double wanted = distance > 0 ? trainable_norm(context, distillation_pull(context)) : 0;  // at 0 any fits
    if (wanted > 0) strength_ = wanted / distance;
  }

  [[nodiscard]] stet::PluginState save() const override {
    return stet::state_of({{"strength", matches() ? at::full({1}, strength_, at::kDouble) : at::Tensor()}});
  }
  void load(const stet::PluginState& state) override {
    if (const at::Tensor saved = stet::tensor_of(state, "strength"); saved.defined()) strength_ = saved.item<double>();
  }

 private:
  [[nodiscard]] bool matches() const { return parameters_.strength != 0 && parameters_.match != Match::none; }

  /// The gradient by all weights of the self-distillation term, a mean over the calibration examples.
  [[nodiscard]] at::Tensor distillation_pull(const stet::WeightContext& context) const {
    const at::Tensor& teacher = context.snapshots.get(parameters_.match_teacher);
    const auto of = [&](const stet::ExampleRows& rows) {
      return distillation_gradient(rows, teacher, parameters_.match_temperature, parameters_.match_lambda);
    };
    const auto [sum, examples] =
        sum_over_sets(context.examples, calibration_sets, parameters_.match_examples, /*group=*/64, context.values, of);
    return sum * (1.0 / examples);
  }

  Parameters parameters_;
  double strength_;  // at present
};

}  // namespace

STET_PLUGIN("l2_sp", "1.1", "stet") {
  using stet::config::Limits;
  registrar.regularizer<L2Sp>(
      "l2_sp", "pulls the weights that train towards a snapshot (Li et al. 2018)",
      stet::config::Schema<Parameters>("regularizer.l2_sp")
          .field("strength", &Parameters::strength, "alpha: the penalty is alpha/2 times the squared distance",
                 Limits{.min = 0})
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .choice("match", &Parameters::match, {{"none", Match::none}, {"self_distillation", Match::self_distillation}},
                  "none: alpha is `strength`; self_distillation: the gradient is as long as that of self-distillation")
          .field("match_every", &Parameters::match_every, "match: so often", Limits{.min = 1, .unit = "steps"})
          .field("match_examples", &Parameters::match_examples,
                 "match: of \"unknown\" and \"known\", the first so many of each", Limits{.min = 1, .unit = "examples"})
          .field("match_teacher", &Parameters::match_teacher, "match: the teacher's snapshot")
          .field("match_temperature", &Parameters::match_temperature, "match: tau", Limits{.min = 0, .open_min = true})
          .field("match_lambda", &Parameters::match_lambda, "match: lambda", Limits{.min = 0, .open_min = true}));
}
