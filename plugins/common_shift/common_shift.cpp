// Displacement of hidden states, split into what facts have in common and what is their own. Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

#include <cmath>
#include <map>

namespace {

constexpr const char* probe_name = "probe.common_shift";

enum class Grouping { relation, set };

struct Parameters {
  std::string set = "held";
  std::string reference = "base";
  Grouping by = Grouping::relation;
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t limit = 0;
  std::int64_t layer = -1;
  stet::ProbeTime when = stet::ProbeTime::always;
};

double rms_length(const at::Tensor& rows) { return std::sqrt(rows.square().sum(1).mean().item<double>()); }

std::vector<float> lengths(const at::Tensor& rows) {
  const at::Tensor each = rows.square().sum(1).sqrt().to(at::kFloat).contiguous();
  return {each.data_ptr<float>(), each.data_ptr<float>() + each.numel()};
}

class CommonShift final : public stet::Probe {
 public:
  explicit CommonShift(const Parameters& parameters)
      : parameters_(parameters), reference_(probe_name, parameters.reference) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    per_fact_.clear();
    const std::vector<stet::ProbeFact> facts = facts_of(context, probe_name, parameters_.set);
    const int chosen = chosen_layer(context, probe_name, parameters_.layer);
    if (!is_due(parameters_.when, context)) return {};
    const at::Tensor* const weights = reference_.find(context.snapshots);
    if (weights == nullptr) return {};
    const auto states = [&](const at::Tensor& under) {
      return context.hidden_states(parameters_.set, under, parameters_.position, stet::fact_limit(parameters_.limit));
    };
    if (then_.empty()) then_ = states(*weights);
    const std::vector<at::Tensor> now = states(context.weights);
    STET_ASSERT(now.size() == then_.size());

    std::vector<stet::Measurement> measured;
    for (std::size_t l = 0; l < now.size(); ++l) {
      const at::Tensor then = then_[l].to(at::kDouble), moved = now[l].to(at::kDouble) - then;
      const at::Tensor common = group_means(moved, facts), own = moved - common;
      const double shift = rms_length(common), specific = rms_length(own), size = rms_length(then);
      const int layer = static_cast<int>(l);
      const auto add = [&](const char* name, double value) {
        measured.push_back({name, parameters_.set, layer, value});
      };
      add("shift", shift);
      add("specific", specific);
      if (specific > 0) add("ratio", shift / specific);
      if (size > 0) add("relative", rms_length(moved) / size);
      if (layer == chosen && moved.size(0) == static_cast<std::int64_t>(facts.size())) {
        per_fact_ = {{"shift", parameters_.set, lengths(common)}, {"specific", parameters_.set, lengths(own)}};
      }
    }
    return measured;
  }

  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& /*context*/) override {
    return per_fact_;
  }

 private:
  /// For every row the mean of the rows of its group: [facts, d].
  [[nodiscard]] at::Tensor group_means(const at::Tensor& rows, const std::vector<stet::ProbeFact>& facts) const {
    if (parameters_.by == Grouping::set) return rows.mean(0, true).expand_as(rows);
    std::map<std::uint32_t, std::vector<std::int64_t>> groups;
    for (std::int64_t i = 0; i < rows.size(0); ++i) groups[facts[static_cast<std::size_t>(i)].relation].push_back(i);
    at::Tensor means = at::empty_like(rows);
    for (const auto& [relation, members] : groups) {
      const at::Tensor index = at::tensor(members), mean = rows.index_select(0, index).mean(0, true);
      means.index_copy_(0, index, mean.expand({index.size(0), rows.size(1)}).contiguous());
    }
    return means;
  }

  Parameters parameters_;
  stet::ReferenceWeights reference_;
  std::vector<at::Tensor> then_;                 // the reference's states: constants
  std::vector<stet::FactMeasurement> per_fact_;  // from measure() to measure_facts()
};

}  // namespace

STET_PLUGIN("common_shift", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<CommonShift>(
      "common_shift", "displacement of hidden states: the part that facts share, and the part that is their own",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set whose prompts are read")
          .field("reference", &Parameters::reference, "snapshot: \"base\", or the name of a finished phase")
          .choice("by", &Parameters::by, {{"relation", Grouping::relation}, {"set", Grouping::set}},
                  "facts that share a shift: those of one relation, or all")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token that is looked at: the subject's last, or the prompt's last")
          .field("limit", &Parameters::limit, "facts of the set, from its first; 0: all",
                 Limits{.min = 0, .unit = "facts"})
          .field("layer", &Parameters::layer, "of the per-fact values; -1: the middle one", Limits{.min = -1})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
