// Cosine and inner product of the gradients of held and new facts. Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/recording_probe.hpp>
#include <stet/sdk/weight_walk.hpp>

#include <cmath>

namespace {

constexpr const char* probe_name = "probe.gradient_cosine";

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::int64_t limit = 256;
  bool per_fact = true;
  double learning_rate = 5e-5;
  stet::ProbeTime when = stet::ProbeTime::ends;
};

/// Mean over the set's first `limit` facts (0: all) of the gradient of a fact's loss: flat, float64. Collective.
at::Tensor mean_gradient(const stet::ProbeContext& context, const std::string& set, std::int64_t limit) {
  constexpr std::int64_t group = 16;
  const auto [sum, facts] =
      sum_over_sets(context.examples, {set}, limit, group, context.weights, stet::cross_entropy_gradient);
  return sum / facts;
}

class GradientCosine final : public stet::RecordingProbe {
 public:
  explicit GradientCosine(const Parameters& parameters) : RecordingProbe(parameters.when), parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const std::string& set = parameters_.set;
    require_set(context, probe_name, set);
    require_set(context, probe_name, parameters_.new_set);
    const at::Tensor held = mean_gradient(context, set, parameters_.limit);
    const at::Tensor fresh = mean_gradient(context, parameters_.new_set, parameters_.limit);
    const auto products = products_by_parameter(context.model.table(), held, fresh);
    record.add("cosine", set, products.all.cosine());
    record.add("forecast", set, -parameters_.learning_rate * products.all.ab);
    for (const auto& [layer, of_layer] : products.by_layer) record.add("cosine", set, of_layer.cosine(), layer);
    for (const auto& [role, of_role] : products.by_role) {
      const std::string name(stet::role_name(role));
      record.add("cosine." + name, set, of_role.cosine());
      record.add("forecast." + name, set, -parameters_.learning_rate * of_role.ab);
    }
    if (parameters_.per_fact) record_each(context, fresh, std::sqrt(products.all.bb), record);
  }

  /// Of every held fact, not of the first `limit` alone. Collective.
  void record_each(const stet::ProbeContext& context, const at::Tensor& fresh, double length,
                   stet::ProbeRecord& record) const {
    const auto of = [](const stet::ExampleRows& rows) {
      return std::vector<at::Tensor>{stet::cross_entropy_gradient(rows)};
    };
    const at::Tensor products = context.examples.map_gradients(
        {parameters_.set, 0, 1}, context.weights, of, [&fresh](const at::Tensor& gradient) {
          const at::Tensor g = gradient.to(at::kDouble);
          return std::vector<double>{g.dot(fresh).item<double>(), std::sqrt(g.dot(g).item<double>())};
        });
    const at::Tensor inner = products.select(1, 0), lengths = products.select(1, 1) * length;
    record.add_facts("cosine", parameters_.set, at::where(lengths > 0, inner / lengths, at::zeros_like(inner)));
    record.add_facts("forecast", parameters_.set, inner * -parameters_.learning_rate);
  }

  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("gradient_cosine", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<GradientCosine>(
      "gradient_cosine", "cosine of the gradients of held and new facts, and the forecast of a step's damage",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set that may be damaged")
          .field("new_set", &Parameters::new_set, "fact set that is learnt")
          .field("limit", &Parameters::limit, "facts in each mean gradient, from the set's first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .field("per_fact", &Parameters::per_fact,
                 "also the cosine of each held fact's gradient: one backward pass a fact")
          .field("learning_rate", &Parameters::learning_rate, "length of the imagined step",
                 Limits{.min = 0, .max = 1e6, .open_min = true})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
