// KL divergence of the present predictions from a reference model's. Formula: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <algorithm>

namespace {

constexpr const char* probe_name = "probe.logit_drift";

struct Parameters {
  std::vector<std::string> sets = {"held", "unknown", "neutral"};
  std::string reference = "base";
  std::int64_t limit = 0;
  std::int64_t text_limit = 256;
  stet::ProbeTime when = stet::ProbeTime::always;
};

class LogitDrift final : public stet::RecordingProbe {
 public:
  explicit LogitDrift(const Parameters& parameters)
      : RecordingProbe(parameters.when), parameters_(parameters), reference_(probe_name, parameters.reference) {}

  void check(const stet::CheckContext& context) const override {
    for (const std::string& set : parameters_.sets) context.require_examples("sets", set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    for (const std::string& set : parameters_.sets) require_examples(context, probe_name, set);
    const at::Tensor* const weights = reference_.find(context.snapshots);
    if (weights == nullptr) return;
    for (const std::string& set : parameters_.sets) {
      const bool facts = std::find(context.sets.begin(), context.sets.end(), set) != context.sets.end();
      const std::int64_t limit = facts ? parameters_.limit : parameters_.text_limit;
      double sum = 0;
      std::int64_t rows = 0;
      std::vector<double> by_example(static_cast<std::size_t>(example_count(context.examples, set, limit)));
      std::vector<std::int64_t> rows_of(by_example.size());
      constexpr std::int64_t group = 32;
      context.examples.for_each({set, limit, group}, context.weights, [&](const stet::ExampleRows& answer) {
        const at::Tensor each = stet::row_divergences(answer.logits_under(*weights), answer.logits);
        for (std::size_t p = 0; p < answer.sequence_of.size(); ++p) {
          const auto example = static_cast<std::size_t>(answer.first + answer.sequence_of[p]);
          const double value = each.data_ptr<double>()[p];
          by_example[example] += value;
          ++rows_of[example];
          sum += value;
          ++rows;
        }
      });
      record.add("kl", set, rows > 0 ? sum / static_cast<double>(rows) : 0.0);
      if (!facts) continue;
      for (std::size_t i = 0; i < by_example.size(); ++i)
        by_example[i] /= static_cast<double>(std::max<std::int64_t>(1, rows_of[i]));
      record.add_facts("kl", set, by_example);
    }
  }

  Parameters parameters_;
  stet::ReferenceWeights reference_;
};

}  // namespace

STET_PLUGIN("logit_drift", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<LogitDrift>(
      "logit_drift", "KL divergence of predictions from a reference model's",
      stet::config::Schema<Parameters>(probe_name)
          .field("sets", &Parameters::sets, "fact sets or sets of examples")
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .field("limit", &Parameters::limit, "facts of a fact set, from its first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .field("text_limit", &Parameters::text_limit, "texts of any other set; 0: all",
                 Limits{.min = 0, .unit = "texts"})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
