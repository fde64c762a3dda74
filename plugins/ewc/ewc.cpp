// Elastic weight consolidation (Kirkpatrick et al. 2017). Formula, estimators and parameters: README.md.
#include <common/calibration.hpp>
#include <common/fisher.hpp>
#include <common/quadratic.hpp>

#include <optional>

namespace {

struct Parameters : stet::plugins::FisherOptions {
  double strength = 1.0;
  std::optional<std::string> reference;
  bool normalize = true;
};

class Ewc final : public stet::Regularizer {
 public:
  explicit Ewc(const Parameters& parameters) : parameters_(parameters) {
    stet::plugins::refuse_held(parameters.set, "regularizer.ewc");
  }

  void check(const stet::CheckContext& context) const override {
    if (parameters_.strength == 0) return;
    if (parameters_.reference) context.require_snapshot("reference", *parameters_.reference);
    context.require_examples("set", parameters_.set);
    if (context.vocabulary_known) stet::plugins::check_vocabulary(parameters_, context.model.vocabulary);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (parameters_.strength == 0) return;
    if (parameters_.reference) {
      penalty_.anchor = context.snapshots.get(*parameters_.reference);
    } else if (!resumed) {
      penalty_.anchor = context.weights.clone();
    }
    if (!resumed) {
      penalty_.importance =
          diagonal_fisher(parameters_, context.examples, penalty_.anchor, context.model.config().vocabulary)
              .to(context.weights.scalar_type());
    }
    penalty_.check(context.weights, "regularizer.ewc");
    penalty_.changed();
  }

  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;  // not a bit of the gradient may change
    return penalty_.add_gradient(context, parameters_.strength, parameters_.normalize);
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
  Parameters parameters_;
  stet::plugins::AnchoredPenalty penalty_;
};

stet::config::Schema<Parameters> schema() {
  using stet::config::Limits;
  stet::config::Schema<Parameters> schema("regularizer.ewc");
  schema
      .field("strength", &Parameters::strength, "lambda: the penalty is lambda/2 times the weighted squared distance",
             Limits{.min = 0})
      .field("reference", &Parameters::reference,
             "snapshot: \"base\", or the name of a finished phase; left out: the weights at the phase's start")
      .field("normalize", &Parameters::normalize, "divide F by its mean over the weights that train");
  stet::plugins::add_fisher_fields(schema);
  return schema;
}

}  // namespace

STET_PLUGIN("ewc", "1.0", "stet") {
  registrar.regularizer<Ewc>("ewc", "pulls weights back by their Fisher information (Kirkpatrick et al. 2017)",
                             schema());
}
