// Linear CKA of present and reference hidden states. Formula: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <cmath>
#include <optional>

namespace {

constexpr const char* probe_name = "probe.cka";

struct Parameters {
  std::vector<std::string> sets = {"held"};
  std::string reference = "base";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t limit = 1024;
  stet::ProbeTime when = stet::ProbeTime::always;
};

/// |b^T a|_F^2, through the smaller of the two products.
double cross_product(const at::Tensor& a, const at::Tensor& b) {
  if (a.size(0) < a.size(1)) return (a.matmul(a.t()) * b.matmul(b.t())).sum().item<double>();
  return b.t().matmul(a).square().sum().item<double>();
}

/// Nothing if one of the two is the same for all rows (up to rounding): then there is no direction to compare.
std::optional<double> linear_cka(const at::Tensor& now, const at::Tensor& then) {
  const auto centred = [](const at::Tensor& rows) -> std::optional<at::Tensor> {
    const at::Tensor x = rows.to(at::kDouble), c = x - x.mean(0, true);
    constexpr double rounding = 1e-24;  // of squared lengths
    if (c.square().sum().item<double>() <= rounding * x.square().sum().item<double>()) return std::nullopt;
    return c;
  };
  const auto a = centred(now), b = centred(then);
  if (!a || !b) return std::nullopt;
  return cross_product(*a, *b) / (std::sqrt(cross_product(*a, *a)) * std::sqrt(cross_product(*b, *b)));
}

class Cka final : public stet::RecordingProbe {
 public:
  explicit Cka(const Parameters& parameters)
      : RecordingProbe(parameters.when),
        parameters_(parameters),
        states_(probe_name, parameters.reference, parameters.position, parameters.limit) {}

  void check(const stet::CheckContext& context) const override {
    for (const std::string& set : parameters_.sets) context.require_fact_set("sets", set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    for (const std::string& set : parameters_.sets) {
      const auto states = states_.of(context, set);
      if (!states) return;
      for (std::size_t layer = 0; layer < states->now.size(); ++layer) {
        const std::optional<double> value = linear_cka(states->now[layer], states->then[layer]);
        if (value) record.add("cka", set, *value, static_cast<int>(layer));
      }
    }
  }

  Parameters parameters_;
  stet::ReferenceStates states_;
};

}  // namespace

STET_PLUGIN("cka", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<Cka>(
      "cka", "linear CKA of hidden states with a reference model's, for every layer",
      stet::config::Schema<Parameters>(probe_name)
          .field("sets", &Parameters::sets, "fact sets whose prompts are read")
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("limit", &Parameters::limit, "facts of each set, from its first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
