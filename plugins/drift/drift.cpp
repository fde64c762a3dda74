// How far hidden states have turned away from a reference model's, layer by layer. Formula and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/recording_probe.hpp>

namespace {

constexpr const char* probe_name = "probe.drift";

struct Parameters {
  std::string reference = "base";
  std::string set = "held";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t limit = 256;
  std::int64_t layer = -1;
};

class Drift final : public stet::RecordingProbe {
 public:
  explicit Drift(const Parameters& parameters)
      : parameters_(parameters), states_(probe_name, parameters.reference, parameters.position, parameters.limit) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const int chosen = chosen_layer(context, probe_name, parameters_.layer);
    const auto states = states_.of(context, parameters_.set);
    if (!states) return;
    for (std::size_t l = 0; l < states->now.size(); ++l) {
      const int layer = static_cast<int>(l);
      const at::Tensor cosines = stet::row_cosines(states->now[l], states->then[l]);
      record.add("drift", parameters_.set, (1.0 - cosines.mean()).clamp_min(0).item<double>(), layer);
      if (layer == chosen) record.add_facts("drift", parameters_.set, (1.0 - cosines).clamp_min(0));
    }
  }

  Parameters parameters_;
  stet::ReferenceStates states_;
};

}  // namespace

STET_PLUGIN("drift", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<Drift>(
      "drift", "cosine distance of hidden states to a reference model's, for every layer",
      stet::config::Schema<Parameters>(probe_name)
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .field("set", &Parameters::set, "fact set whose prompts are read")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("limit", &Parameters::limit, "facts of the set, from its first", Limits{.min = 1, .unit = "facts"})
          .field("layer", &Parameters::layer, "of the per-fact values; -1: the middle one", Limits{.min = -1}));
}
