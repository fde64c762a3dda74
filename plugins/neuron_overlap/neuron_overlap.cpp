// Do held and new subjects use the same feed-forward neurons? Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <algorithm>

namespace {

constexpr const char* probe_name = "probe.neuron_overlap";

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::string reference = "base";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t top = 32;
  std::int64_t limit = 0;
  std::int64_t layer = -1;
};

/// [facts, F] of 0 and 1: the `top` neurons of largest absolute value.
at::Tensor strongest(const at::Tensor& activations, std::int64_t top) {
  const at::Tensor where = std::get<1>(activations.abs().topk(top, 1));
  return at::zeros(activations.sizes(), at::kDouble).scatter_(1, where, 1.0);
}

class NeuronOverlap final : public stet::RecordingProbe {
 public:
  explicit NeuronOverlap(const Parameters& parameters)
      : RecordingProbe(stet::ProbeTime::start), parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::first_phase);
    context.require_layer("layer", parameters_.layer);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const int chosen = std::max(1, chosen_layer(context, probe_name, parameters_.layer));
    const at::Tensor& weights = context.snapshots.get(parameters_.reference);
    const auto neurons = [&](const std::string& set) {
      static_cast<void>(facts_of(context, probe_name, set));  // there are some
      return context.neurons(set, weights, parameters_.position, stet::fact_limit(parameters_.limit));
    };
    const std::vector<at::Tensor> held = neurons(parameters_.set), fresh = neurons(parameters_.new_set);
    const std::int64_t top = std::min(parameters_.top, context.model.config().feed_forward);
    for (std::size_t l = 0; l < held.size(); ++l) {
      const int layer = static_cast<int>(l) + 1;
      const stet::Nearest cosine = stet::nearest_by_cosine(held[l], fresh[l]);
      record.add_mean("cosine_max", parameters_.set, cosine.largest, layer, layer == chosen);
      record.add_mean("cosine_mean", parameters_.set, cosine.mean, layer, false);
      const stet::Nearest jaccard = stet::nearest_by_jaccard(strongest(held[l], top), strongest(fresh[l], top));
      record.add_mean("jaccard_max", parameters_.set, jaccard.largest, layer, layer == chosen);
      record.add_mean("jaccard_mean", parameters_.set, jaccard.mean, layer, false);
    }
  }

  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("neuron_overlap", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<NeuronOverlap>(
      "neuron_overlap", "overlap of the feed-forward neurons that held and new subjects use, before training",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set that may be damaged")
          .field("new_set", &Parameters::new_set, "fact set that is learnt")
          .field("reference", &Parameters::reference, "snapshot whose neurons are compared")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("top", &Parameters::top, "strongest neurons of a fact; a smaller layer counts as a whole",
                 Limits{.min = 1, .unit = "neurons"})
          .field("limit", &Parameters::limit, "facts of each set, from its first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .field("layer", &Parameters::layer, "block of the per-fact values, from 1; -1: the middle one",
                 Limits{.min = -1}));
}
