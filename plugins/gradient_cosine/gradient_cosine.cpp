// Cosine and inner product of the gradients of held and new facts. Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

#include <algorithm>
#include <cmath>
#include <map>

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

std::vector<at::Tensor> loss_gradient(const stet::ExampleRows& rows) { return {stet::cross_entropy_gradient(rows)}; }

/// Mean over the set's first `limit` facts (0: all) of the gradient of a fact's loss: flat, float64. Collective.
at::Tensor mean_gradient(const stet::ProbeContext& context, const std::string& set, std::int64_t limit) {
  constexpr std::int64_t group = 16;  // facts in one backward pass; the sum is what counts
  const std::int64_t size = context.examples.size(set), count = limit > 0 ? std::min(limit, size) : size;
  const at::Tensor sum = context.examples.sum_gradients(
      {set, limit, group}, context.weights, loss_gradient,
      [](const at::Tensor& gradient, std::size_t, at::Tensor& all) { all.add_(gradient); });
  return sum.div_(static_cast<double>(count));
}

struct Products {
  double held_new = 0, held_held = 0, new_new = 0;
  void add(const Products& other) {
    held_new += other.held_new;
    held_held += other.held_held;
    new_new += other.new_new;
  }
  [[nodiscard]] double cosine() const {
    const double lengths = std::sqrt(held_held) * std::sqrt(new_new);
    return lengths > 0 ? held_new / lengths : 0.0;
  }
};

class GradientCosine final : public stet::Probe {
 public:
  explicit GradientCosine(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    per_fact_.clear();
    require_set(context, probe_name, parameters_.set);
    require_set(context, probe_name, parameters_.new_set);
    if (!is_due(parameters_.when, context)) return {};
    const at::Tensor held = mean_gradient(context, parameters_.set, parameters_.limit);
    const at::Tensor fresh = mean_gradient(context, parameters_.new_set, parameters_.limit);

    Products all;
    std::map<stet::Role, Products> by_role;
    std::map<int, Products> by_layer;
    for (const stet::ParameterInfo& parameter : context.model.table().entries()) {
      const at::Tensor h = held.narrow(0, parameter.offset, parameter.count),
                       n = fresh.narrow(0, parameter.offset, parameter.count);
      const Products products{h.dot(n).item<double>(), h.dot(h).item<double>(), n.dot(n).item<double>()};
      all.add(products);
      by_role[parameter.role].add(products);
      if (parameter.layer >= 0) by_layer[parameter.layer + 1].add(products);
    }
    std::vector<stet::Measurement> measured{
        {"cosine", parameters_.set, -1, all.cosine()},
        {"forecast", parameters_.set, -1, -parameters_.learning_rate * all.held_new}};
    for (const auto& [layer, products] : by_layer)
      measured.push_back({"cosine", parameters_.set, layer, products.cosine()});
    for (const auto& [role, products] : by_role) {
      const std::string group(stet::role_name(role));
      measured.push_back({"cosine." + group, parameters_.set, -1, products.cosine()});
      measured.push_back({"forecast." + group, parameters_.set, -1, -parameters_.learning_rate * products.held_new});
    }
    if (parameters_.per_fact) measure_each(context, fresh, std::sqrt(all.new_new));
    return measured;
  }

  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& /*context*/) override {
    return per_fact_;
  }

 private:
  /// Of every held fact, not of the first `limit` alone. Collective.
  void measure_each(const stet::ProbeContext& context, const at::Tensor& fresh, double length) {
    const at::Tensor products = context.examples.map_gradients(
        {parameters_.set, 0, 1}, context.weights, loss_gradient, [&fresh](const at::Tensor& gradient) {
          const at::Tensor g = gradient.to(at::kDouble);
          return std::vector<double>{g.dot(fresh).item<double>(), std::sqrt(g.dot(g).item<double>())};
        });
    std::vector<double> cosine, forecast;
    for (std::int64_t i = 0; i < products.size(0); ++i) {
      const double inner = products[i][0].item<double>(), lengths = products[i][1].item<double>() * length;
      cosine.push_back(lengths > 0 ? inner / lengths : 0.0);
      forecast.push_back(-parameters_.learning_rate * inner);
    }
    per_fact_ = {{"cosine", parameters_.set, stet::to_floats(cosine)},
                 {"forecast", parameters_.set, stet::to_floats(forecast)}};
  }

  Parameters parameters_;
  std::vector<stet::FactMeasurement> per_fact_;  // from measure() to measure_facts()
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
