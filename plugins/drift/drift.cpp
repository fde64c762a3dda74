// How far hidden states have turned away from a reference model's, layer by layer. Formula and parameters: README.md.
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

#include <algorithm>
#include <utility>

namespace {

struct Parameters {
  std::string reference = "base";
  std::string set = "held";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t limit = 256;
  std::int64_t layer = -1;
};

/// Row by row; exactly 1 for equal rows. The cosine with a zero vector counts as 0.
at::Tensor cosines(const at::Tensor& now, const at::Tensor& then) {
  const at::Tensor a = now.to(at::kDouble), b = then.to(at::kDouble);
  const at::Tensor lengths = ((a * a).sum(1) * (b * b).sum(1)).sqrt();
  return at::where(lengths > 0, (a * b).sum(1) / lengths, at::zeros_like(lengths));
}

double mean_drift(const at::Tensor& now, const at::Tensor& then) {
  return std::max(0.0, 1.0 - cosines(now, then).mean().item<double>());
}

class Drift final : public stet::Probe {
 public:
  explicit Drift(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    if (std::find(context.sets.begin(), context.sets.end(), parameters_.set) == context.sets.end()) {
      throw stet::Error(stet::ErrorKind::config, "probe.drift: there is no fact set '" + parameters_.set + "'")
          .expected("one of: " + stet::join(context.sets, ", "))
          .received(parameters_.set)
          .hint(stet::suggestion(parameters_.set, context.sets));
    }
    const auto states = [&](const at::Tensor& weights) {
      return context.hidden_states(parameters_.set, weights, parameters_.position,
                                   static_cast<std::size_t>(parameters_.limit));
    };
    if (reference_.empty()) {
      const at::Tensor* const weights = reference_weights(context.snapshots);
      if (weights == nullptr) return {};
      reference_ = states(*weights);
    }
    const std::vector<at::Tensor> now = states(context.weights);
    STET_ASSERT(now.size() == reference_.size());
    if (now.empty() || now.front().size(0) == 0) {
      throw stet::Error(stet::ErrorKind::config, "probe.drift: the fact set '" + parameters_.set + "' is empty");
    }
    std::vector<stet::Measurement> measurements;
    for (std::size_t layer = 0; layer < now.size(); ++layer) {
      measurements.push_back(
          {"drift", parameters_.set, static_cast<int>(layer), mean_drift(now[layer], reference_[layer])});
    }
    const auto middle = static_cast<std::size_t>(stet::chosen_layer(context, "probe.drift", parameters_.layer));
    at_layer_ = (1.0 - cosines(now[middle], reference_[middle])).clamp_min(0);
    return measurements;
  }

  /// Of the facts just measured, if they are all of the set's.
  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& context) override {
    if (!at_layer_.defined()) return {};
    const at::Tensor drift = std::exchange(at_layer_, at::Tensor()).to(at::kFloat).contiguous();
    if (drift.size(0) != static_cast<std::int64_t>(context.facts(parameters_.set).size())) return {};
    return {{"drift", parameters_.set, {drift.data_ptr<float>(), drift.data_ptr<float>() + drift.numel()}}};
  }

 private:
  /// A phase's snapshot does not exist before its end: until then nothing is measured. Said once, since it may also be
  /// a mistyped name.
  [[nodiscard]] const at::Tensor* reference_weights(const stet::Snapshots& snapshots) {
    try {
      return &snapshots.get(parameters_.reference);
    } catch (const stet::Error& error) {
      if (error.kind() != stet::ErrorKind::config) throw;
      if (!warned_) stet::log::warning("probe.drift measures nothing before its reference exists: {}", error.what());
      warned_ = true;
      return nullptr;
    }
  }

  Parameters parameters_;
  std::vector<at::Tensor> reference_;  // constants, computed at the first measurement
  at::Tensor at_layer_;                // [facts], from measure() to measure_facts()
  bool warned_ = false;
};

}  // namespace

STET_PLUGIN("drift", "1.0", "stet") {
  using stet::ProbePosition;
  using stet::config::Limits;
  registrar.probe<Drift>(
      "drift", "cosine distance of hidden states to a reference model's, for every layer",
      stet::config::Schema<Parameters>("probe.drift")
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .field("set", &Parameters::set, "fact set whose prompts are read")
          .choice("position", &Parameters::position,
                  {{"subject_end", ProbePosition::subject_end}, {"prompt_end", ProbePosition::prompt_end}},
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("limit", &Parameters::limit, "facts of the set, from its first", Limits{.min = 1, .unit = "facts"})
          .field("layer", &Parameters::layer, "of the per-fact values; -1: the middle one", Limits{.min = -1}));
}
