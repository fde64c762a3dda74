// Do held and new subjects use the same feed-forward neurons? Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

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

/// Largest and mean Jaccard index of each row's neurons with those of all rows of the other.
stet::Nearest nearest_by_jaccard(const at::Tensor& a, const at::Tensor& b, std::int64_t top) {
  stet::Nearest nearest;
  const at::Tensor right = b.t().contiguous();
  constexpr std::int64_t rows = 256;  // bounds memory
  for (std::int64_t begin = 0; begin < a.size(0); begin += rows) {
    const at::Tensor common = a.narrow(0, begin, std::min(rows, a.size(0) - begin)).matmul(right);
    const at::Tensor jaccard = common / (2.0 * static_cast<double>(top) - common);
    const at::Tensor largest = jaccard.amax(1).contiguous(), mean = jaccard.mean(1).contiguous();
    for (std::int64_t i = 0; i < largest.size(0); ++i) {
      nearest.largest.push_back(largest.data_ptr<double>()[i]);
      nearest.mean.push_back(mean.data_ptr<double>()[i]);
    }
  }
  return nearest;
}

class NeuronOverlap final : public stet::Probe {
 public:
  explicit NeuronOverlap(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::first_phase);
    context.require_layer("layer", parameters_.layer);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    per_fact_.clear();
    const std::size_t held_size = facts_of(context, probe_name, parameters_.set).size();
    static_cast<void>(facts_of(context, probe_name, parameters_.new_set));
    const int chosen = std::max(1, chosen_layer(context, probe_name, parameters_.layer));
    if (!is_due(stet::ProbeTime::start, context)) return {};
    const at::Tensor& weights = context.snapshots.get(parameters_.reference);
    const auto neurons = [&](const std::string& set) {
      return context.neurons(set, weights, parameters_.position, stet::fact_limit(parameters_.limit));
    };
    const std::vector<at::Tensor> held = neurons(parameters_.set), fresh = neurons(parameters_.new_set);
    const std::int64_t top = std::min(parameters_.top, context.model.config().feed_forward);
    std::vector<stet::Measurement> measured;
    for (std::size_t l = 0; l < held.size(); ++l) {
      const int layer = static_cast<int>(l) + 1;
      const bool keep = layer == chosen && held[l].size(0) == static_cast<std::int64_t>(held_size);
      const auto report = [&](const std::string& name, const std::vector<double>& values, bool per_fact) {
        measured.push_back({name, parameters_.set, layer, stet::mean_of(values)});
        if (keep && per_fact) per_fact_.push_back({name, parameters_.set, stet::to_floats(values)});
      };
      const stet::Nearest cosine = stet::nearest_by_cosine(held[l], fresh[l]);
      report("cosine_max", cosine.largest, true);
      report("cosine_mean", cosine.mean, false);
      const stet::Nearest jaccard = nearest_by_jaccard(strongest(held[l], top), strongest(fresh[l], top), top);
      report("jaccard_max", jaccard.largest, true);
      report("jaccard_mean", jaccard.mean, false);
    }
    return measured;
  }

  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& /*context*/) override {
    return per_fact_;
  }

 private:
  Parameters parameters_;
  std::vector<stet::FactMeasurement> per_fact_;  // from measure() to measure_facts()
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
