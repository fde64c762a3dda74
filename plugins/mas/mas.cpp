// Memory aware synapses (Aljundi et al. 2018). Formula and parameters: README.md.
#include <common/calibration.hpp>
#include <common/quadratic.hpp>

#include <cmath>
#include <optional>

namespace {

struct Parameters {
  double strength = 1.0;
  std::optional<std::string> reference;
  std::string set = "known";
  std::int64_t limit = 256;
  bool normalize = false;
};

/// sum += |gradient|
void add_magnitudes(const at::Tensor& gradient, at::Tensor& sum) {
  stet::by_scalar_type(gradient.scalar_type(), [&]<class T>(T) {
    const T* __restrict__ const g = gradient.data_ptr<T>();
    double* __restrict__ const s = sum.data_ptr<double>();
    const std::int64_t count = gradient.numel();
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) s[i] += std::abs(static_cast<double>(g[i]));
    return 0;
  });
}

class Mas final : public stet::Regularizer {
 public:
  explicit Mas(const Parameters& parameters) : parameters_(parameters) {
    stet::plugins::refuse_held(parameters.set, "regularizer.mas");
  }

  void check(const stet::CheckContext& context) const override {
    if (parameters_.strength == 0) return;
    if (parameters_.reference) context.require_snapshot("reference", *parameters_.reference);
    context.require_examples("set", parameters_.set);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (parameters_.strength == 0) return;
    if (parameters_.reference) {
      penalty_.anchor = context.snapshots.get(*parameters_.reference);
    } else if (!resumed) {
      penalty_.anchor = context.weights.clone();
    }
    if (!resumed) penalty_.importance = sensitivity(context.examples).to(context.weights.scalar_type());
    penalty_.check(context.weights, "regularizer.mas");
    penalty_.changed();
  }

  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;  // not a bit of the gradient may change
    return penalty_.add_gradient(context, 2 * parameters_.strength, parameters_.normalize);  // the penalty has no 1/2
  }

  [[nodiscard]] stet::PluginState save() const override {
    stet::PluginState state;
    if (penalty_.importance.defined()) state["importance"] = penalty_.importance;
    if (penalty_.anchor.defined() && !parameters_.reference) state["anchor"] = penalty_.anchor;
    return state;
  }
  void load(const stet::PluginState& state) override {
    if (const auto found = state.find("importance"); found != state.end()) penalty_.importance = found->second;
    if (const auto found = state.find("anchor"); found != state.end()) penalty_.anchor = found->second;
    penalty_.changed();
  }

 private:
  /// Mean over examples of |d ||z||^2 / dw|, z: the logits at the example's answer rows.
  [[nodiscard]] at::Tensor sensitivity(const stet::Examples& examples) const {
    const auto count = static_cast<double>(stet::plugins::example_count(examples, parameters_.set, parameters_.limit));
    at::Tensor sum = examples.sum_gradients(
        {parameters_.set, parameters_.limit, 1}, penalty_.anchor,
        [](const stet::ExampleRows& rows) { return std::vector<at::Tensor>{rows.logits * 2}; },
        [](const at::Tensor& gradient, std::size_t, at::Tensor& total) { add_magnitudes(gradient, total); });
    return sum.mul_(1.0 / count);
  }

  Parameters parameters_;
  stet::plugins::AnchoredPenalty penalty_;
};

}  // namespace

STET_PLUGIN("mas", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<Mas>(
      "mas", "pulls weights back by how much the logits depend on them (Aljundi et al. 2018)",
      stet::config::Schema<Parameters>("regularizer.mas")
          .field("strength", &Parameters::strength, "lambda: the penalty is lambda times the weighted squared distance",
                 Limits{.min = 0})
          .field("reference", &Parameters::reference,
                 "snapshot: \"base\", or the name of a finished phase; left out: the weights at the phase's start")
          .field("set", &Parameters::set, "whose examples; not \"held\"")
          .field("limit", &Parameters::limit, "the set's first so many examples; 0: all",
                 Limits{.min = 0, .unit = "examples"})
          .field("normalize", &Parameters::normalize, "divide Omega by its mean over the weights that train"));
}
