// Synaptic intelligence (Zenke et al. 2017): importance is what a weight's way has contributed to the fall of the loss.
// Formula and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/state.hpp>
#include <stet/sdk/weight_walk.hpp>

namespace {

struct Parameters {
  double strength = 1.0;
  double xi = 0.1;
  bool nonnegative = false;
};

class SynapticIntelligence final : public stet::AnchoredRegularizer {
 public:
  /// The penalty has no 1/2.
  explicit SynapticIntelligence(const Parameters& parameters)
      : AnchoredRegularizer(owner, {2 * parameters.strength}), parameters_(parameters) {}

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (penalty_.off()) return;
    if (!resumed) {
      start_ = context.weights.clone();
      path_ = at::zeros_like(context.weights);
    }
    stet::require_fit(start_, context.weights, owner, "start");
    stet::require_fit(path_, context.weights, owner, "path");
    penalty_.require_fit(context.weights);
    before_ = at::empty_like(context.weights);
    gradient_ = at::empty_like(context.weights);
  }

  /// The gradient at hand is that of the task, of regularizers on outputs and of those on weights listed before; ours
  /// is not part of the path.
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (penalty_.off()) return 0;  // not a bit of the gradient may change
    before_.copy_(context.values);
    gradient_.copy_(context.gradients);
    return AnchoredRegularizer::add_gradient(context);
  }

  void after_step(const stet::WeightContext& context) override {
    if (penalty_.off()) return;
    for_each_trained(context, [&](std::size_t i, const stet::ParameterInfo&) {
      const auto part = [&](const at::Tensor& flat) { return context.table.view(flat, i); };
      part(path_).sub_(part(gradient_).mul_(part(context.values) - part(before_)));
    });
  }

  void end_phase(const stet::PhaseContext& context) override {
    if (penalty_.off()) return;
    at::Tensor gained = path_ / (context.weights - start_).square().add_(parameters_.xi);
    if (parameters_.nonnegative) gained.clamp_min_(0);
    penalty_.set(penalty_.empty() ? gained : penalty_.importance() + gained, context.weights.clone());
    before_ = gradient_ = path_ = start_ = at::Tensor();
  }

  [[nodiscard]] stet::PluginState save() const override {
    stet::PluginState state = stet::state_of({{"path", path_}, {"start", start_}});
    state.merge(AnchoredRegularizer::save());
    return state;
  }
  void load(const stet::PluginState& state) override {
    AnchoredRegularizer::load(state);
    path_ = stet::tensor_of(state, "path");
    start_ = stet::tensor_of(state, "start");
  }

 private:
  static constexpr const char* owner = "regularizer.synaptic_intelligence";

  Parameters parameters_;
  at::Tensor path_, start_;       // of this phase: W, and the weights at its start
  at::Tensor before_, gradient_;  // of this step
};

}  // namespace

STET_PLUGIN("synaptic_intelligence", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<SynapticIntelligence>(
      "synaptic_intelligence", "pulls weights back by what their way contributed in earlier phases (Zenke et al. 2017)",
      stet::config::Schema<Parameters>("regularizer.synaptic_intelligence")
          .field("strength", &Parameters::strength, "c: the penalty is c times the weighted squared distance",
                 Limits{.min = 0})
          .field("xi", &Parameters::xi, "keeps the importance of weights that hardly moved finite",
                 Limits{.min = 0, .open_min = true})
          .field("nonnegative", &Parameters::nonnegative, "negative contributions of a phase count as none"));
}
