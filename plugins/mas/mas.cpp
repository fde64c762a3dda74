// Memory aware synapses (Aljundi et al. 2018). Formula and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/example_tools.hpp>

namespace {

struct Parameters {
  double strength = 1.0;
  std::optional<std::string> reference;
  std::string set = "known";
  std::int64_t limit = 256;
  bool normalize = false;
};

class Mas final : public stet::AnchoredRegularizer {
 public:
  /// The penalty has no 1/2.
  explicit Mas(const Parameters& parameters)
      : AnchoredRegularizer("regularizer.mas", {2 * parameters.strength, parameters.normalize, parameters.reference}),
        parameters_(parameters) {
    stet::refuse_held(parameters.set, "regularizer.mas");
  }

  void check(const stet::CheckContext& context) const override {
    penalty_.check(context);
    if (!penalty_.off()) context.require_examples("set", parameters_.set);
  }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    penalty_.begin_phase(context, resumed,
                         [&](const at::Tensor& anchor) { return sensitivity(context.examples, anchor); });
  }

 private:
  /// Mean over examples of |d ||z||^2 / dw|, z: the logits at the example's answer rows.
  [[nodiscard]] at::Tensor sensitivity(const stet::Examples& examples, const at::Tensor& weights) const {
    const auto count = static_cast<double>(example_count(examples, parameters_.set, parameters_.limit));
    const auto of = [](const stet::ExampleRows& rows) { return std::vector<at::Tensor>{rows.logits * 2}; };
    at::Tensor sum = examples.sum_gradients({parameters_.set, parameters_.limit, 1}, weights, of, stet::add_magnitudes);
    return sum.mul_(1.0 / count);
  }

  Parameters parameters_;
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
