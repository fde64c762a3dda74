// Online EWC (Schwarz et al. 2018): one importance and one anchor that move from phase to phase. Formula and
// parameters: README.md.
#include <common/calibration.hpp>
#include <common/fisher.hpp>
#include <common/quadratic.hpp>

namespace {

struct Parameters : stet::plugins::FisherOptions {
  double strength = 1.0;
  double gamma = 1.0;
  bool start_counts = true;
  bool normalize = true;
};

class OnlineEwc final : public stet::Regularizer {
 public:
  explicit OnlineEwc(const Parameters& parameters) : parameters_(parameters) {
    stet::plugins::refuse_held(parameters.set, "regularizer.online_ewc");
  }

  void check(const stet::CheckContext& context) const override {
    if (parameters_.strength == 0) return;
    context.require_examples("set", parameters_.set);
    if (context.vocabulary_known) stet::plugins::check_vocabulary(parameters_, context.model.vocabulary);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (parameters_.strength == 0) return;
    if (!resumed && !penalty_.defined() && parameters_.start_counts) consolidate(context);
    penalty_.check(context.weights, "regularizer.online_ewc");
    penalty_.changed();
  }

  void end_phase(const stet::PhaseContext& context) override {
    if (parameters_.strength != 0) consolidate(context);
  }

  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;  // not a bit of the gradient may change
    return penalty_.add_gradient(context, parameters_.strength, parameters_.normalize);
  }

  [[nodiscard]] stet::PluginState save() const override {
    if (!penalty_.defined()) return {};
    return {{"importance", penalty_.importance}, {"anchor", penalty_.anchor}};
  }
  void load(const stet::PluginState& state) override {
    if (state.empty()) return;
    penalty_.importance = state.at("importance");
    penalty_.anchor = state.at("anchor");
    penalty_.changed();
  }

 private:
  /// F~ = gamma F~ + F at the present weights, which become the anchor.
  void consolidate(const stet::PhaseContext& context) {
    at::Tensor fisher =
        diagonal_fisher(parameters_, context.examples, context.weights, context.model.config().vocabulary);
    if (penalty_.defined()) fisher.add_(penalty_.importance, parameters_.gamma);
    penalty_.importance = fisher.to(context.weights.scalar_type());
    penalty_.anchor = context.weights.clone();
    penalty_.changed();
  }

  Parameters parameters_;
  stet::plugins::AnchoredPenalty penalty_;
};

stet::config::Schema<Parameters> schema() {
  using stet::config::Limits;
  stet::config::Schema<Parameters> schema("regularizer.online_ewc");
  schema
      .field("strength", &Parameters::strength, "lambda: the penalty is lambda/2 times the weighted squared distance",
             Limits{.min = 0})
      .field("gamma", &Parameters::gamma, "what is left of the earlier importance when a phase ends",
             Limits{.min = 0, .max = 1})
      .field("start_counts", &Parameters::start_counts,
             "the weights at the start of the first phase count as the end of a phase (pre-training)")
      .field("normalize", &Parameters::normalize, "divide F~ by its mean over the weights that train");
  stet::plugins::add_fisher_fields(schema);
  return schema;
}

}  // namespace

STET_PLUGIN("online_ewc", "1.0", "stet") {
  registrar.regularizer<OnlineEwc>(
      "online_ewc", "EWC with one importance that is carried from phase to phase (Schwarz et al. 2018)", schema());
}
