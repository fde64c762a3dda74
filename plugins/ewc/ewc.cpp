// Elastic weight consolidation (Kirkpatrick et al. 2017). Formula, estimators and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/fisher.hpp>

#include <optional>

namespace {

struct Parameters : stet::FisherOptions {
  double strength = 1.0;
  std::optional<std::string> reference;
  bool normalize = true;
};

class Ewc final : public stet::AnchoredRegularizer {
 public:
  explicit Ewc(const Parameters& parameters)
      : AnchoredRegularizer("regularizer.ewc", {parameters.strength, parameters.normalize, parameters.reference}),
        parameters_(parameters) {
    stet::refuse_held(parameters.set, "regularizer.ewc");
  }

  void check(const stet::CheckContext& context) const override {
    penalty_.check(context);
    if (!penalty_.off()) check_fisher(parameters_, context);
  }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    penalty_.begin_phase(context, resumed, [&](const at::Tensor& anchor) {
      return diagonal_fisher(parameters_, context.examples, anchor, context.model.config().vocabulary);
    });
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("ewc", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<Ewc>(
      "ewc", "pulls weights back by their Fisher information (Kirkpatrick et al. 2017)",
      stet::add_fisher_fields(
          stet::config::Schema<Parameters>("regularizer.ewc")
              .field("strength", &Parameters::strength,
                     "lambda: the penalty is lambda/2 times the weighted squared distance", Limits{.min = 0})
              .field("reference", &Parameters::reference,
                     "snapshot: \"base\", or the name of a finished phase; left out: the weights at the phase's start")
              .field("normalize", &Parameters::normalize, "divide F by its mean over the weights that train")));
}
