// Displacement of hidden states, split into what facts have in common and what is their own. Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <cmath>

namespace {

constexpr const char* probe_name = "probe.common_shift";

struct Parameters {
  std::string set = "held";
  std::string reference = "base";
  stet::FactGrouping by = stet::FactGrouping::relation;
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t limit = 0;
  std::int64_t layer = -1;
  stet::ProbeTime when = stet::ProbeTime::always;
};

double rms_length(const at::Tensor& rows) { return std::sqrt(rows.square().sum(1).mean().item<double>()); }
at::Tensor lengths(const at::Tensor& rows) { return rows.square().sum(1).sqrt(); }

/// For every row the mean of the rows of its group: [facts, d].
at::Tensor group_means(const at::Tensor& rows, const stet::FactGroups& groups) {
  at::Tensor means = at::empty_like(rows);
  for (const auto& [group, members] : groups) {
    const at::Tensor index = at::tensor(members), mean = rows.index_select(0, index).mean(0, true);
    means.index_copy_(0, index, mean.expand({index.size(0), rows.size(1)}).contiguous());
  }
  return means;
}

class CommonShift final : public stet::RecordingProbe {
 public:
  explicit CommonShift(const Parameters& parameters)
      : RecordingProbe(parameters.when),
        parameters_(parameters),
        states_(probe_name, parameters.reference, parameters.position, parameters.limit) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const std::string& set = parameters_.set;
    const int chosen = chosen_layer(context, probe_name, parameters_.layer);
    const auto states = states_.of(context, set);
    if (!states) return;
    const stet::FactGroups groups = groups_of(context.facts(set), parameters_.by, stet::fact_limit(parameters_.limit));
    for (std::size_t l = 0; l < states->now.size(); ++l) {
      const at::Tensor then = states->then[l].to(at::kDouble), moved = states->now[l].to(at::kDouble) - then;
      const at::Tensor common = group_means(moved, groups), own = moved - common;
      const double shift = rms_length(common), specific = rms_length(own), size = rms_length(then);
      const int layer = static_cast<int>(l);
      record.add("shift", set, shift, layer);
      record.add("specific", set, specific, layer);
      if (specific > 0) record.add("ratio", set, shift / specific, layer);
      if (size > 0) record.add("relative", set, rms_length(moved) / size, layer);
      if (layer != chosen) continue;
      record.add_facts("shift", set, lengths(common));
      record.add_facts("specific", set, lengths(own));
    }
  }

  Parameters parameters_;
  stet::ReferenceStates states_;
};

}  // namespace

STET_PLUGIN("common_shift", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<CommonShift>(
      "common_shift", "displacement of hidden states: the part that facts share, and the part that is their own",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set whose prompts are read")
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .choice("by", &Parameters::by, stet::fact_groupings(),
                  "facts that share a shift: those of one relation, or all")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("limit", &Parameters::limit, "facts of the set, from its first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .field("layer", &Parameters::layer, "of the per-fact values; -1: the middle one", Limits{.min = -1})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
