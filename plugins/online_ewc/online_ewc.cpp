// Online EWC (Schwarz et al. 2018): one importance and one anchor that move from phase to phase. Formula and
// parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/fisher.hpp>

namespace {

struct Parameters : stet::FisherOptions {
  double strength = 1.0;
  double gamma = 1.0;
  bool start_counts = true;
  bool normalize = true;
};

class OnlineEwc final : public stet::AnchoredRegularizer {
 public:
  explicit OnlineEwc(const Parameters& parameters)
      : AnchoredRegularizer("regularizer.online_ewc", {parameters.strength, parameters.normalize}),
        parameters_(parameters) {
    stet::refuse_held(parameters.set, "regularizer.online_ewc");
  }

  void check(const stet::CheckContext& context) const override {
    if (!penalty_.off()) check_fisher(parameters_, context);
  }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (!resumed && penalty_.empty() && parameters_.start_counts) consolidate(context);
    penalty_.require_fit(context.weights);
  }
  void end_phase(const stet::PhaseContext& context) override { consolidate(context); }

 private:
  /// F~ = gamma F~ + F at the present weights, which become the anchor.
  void consolidate(const stet::PhaseContext& context) {
    if (penalty_.off()) return;
    at::Tensor fisher =
        diagonal_fisher(parameters_, context.examples, context.weights, context.model.config().vocabulary);
    if (!penalty_.empty()) fisher.add_(penalty_.importance(), parameters_.gamma);
    penalty_.set(fisher.to(context.weights.scalar_type()), context.weights.clone());
  }

  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("online_ewc", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<OnlineEwc>(
      "online_ewc", "EWC with one importance that is carried from phase to phase (Schwarz et al. 2018)",
      stet::add_fisher_fields(
          stet::config::Schema<Parameters>("regularizer.online_ewc")
              .field("strength", &Parameters::strength,
                     "lambda: the penalty is lambda/2 times the weighted squared distance", Limits{.min = 0})
              .field("gamma", &Parameters::gamma, "what is left of the earlier importance when a phase ends",
                     Limits{.min = 0, .max = 1})
              .field("start_counts", &Parameters::start_counts,
                     "the weights at the start of the first phase count as the end of a phase (pre-training)")
              .field("normalize", &Parameters::normalize, "divide F~ by its mean over the weights that train")));
}
