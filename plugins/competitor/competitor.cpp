// What is said in the place of a forgotten answer, and whose answer is it? Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <map>

namespace {

constexpr const char* probe_name = "probe.competitor";

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::string reference = "base";
  stet::FactGrouping among = stet::FactGrouping::relation;
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t layer = -1;
  stet::ProbeTime when = stet::ProbeTime::always;
};

class Competitor final : public stet::RecordingProbe {
 public:
  explicit Competitor(const Parameters& parameters)
      : RecordingProbe(parameters.when), parameters_(parameters), reference_(probe_name, parameters.reference) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const std::string& set = parameters_.set;
    const std::vector<stet::ProbeFact> held = facts_of(context, probe_name, set);
    const std::vector<stet::ProbeFact> fresh = facts_of(context, probe_name, parameters_.new_set);
    const stet::FactGroups new_groups = groups_of(fresh, parameters_.among);
    const auto layer = static_cast<std::size_t>(chosen_layer(context, probe_name, parameters_.layer));
    if (rivals_.where.empty()) {
      const at::Tensor* const weights = reference_.find(context.snapshots);
      if (weights == nullptr) return;
      const auto keys = [&](const std::string& of) {
        return context.hidden_states(of, *weights, parameters_.position, stet::fact_limit(0)).at(layer);
      };
      const stet::FactGroups groups = groups_of(held, parameters_.among);
      rivals_ = stet::nearest_in_group(keys(set), groups, keys(parameters_.new_set), new_groups);
    }
    std::map<std::pair<std::uint32_t, std::int64_t>, double> beginnings;  // new facts of a group by their first token
    for (const stet::ProbeFact& fact : fresh) ++beginnings[{group_of(fact, parameters_.among), fact.answer.front()}];

    const std::vector<std::int64_t> produced = first_tokens(context.examples, set, context.weights);
    std::vector<double> new_answer(held.size()), closest(held.size());
    double wrong = 0, compared = 0, expected = 0;
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (produced[i] == held[i].answer.front()) continue;
      ++wrong;
      if (rivals_.where[i] < 0) continue;
      ++compared;
      closest[i] = fresh[static_cast<std::size_t>(rivals_.where[i])].answer.front() == produced[i] ? 1 : 0;
      const auto same = beginnings.find({group_of(held[i], parameters_.among), produced[i]});
      if (same == beginnings.end()) continue;
      new_answer[i] = 1;
      expected += same->second / static_cast<double>(new_groups.at(same->first.first).size());
    }
    record.add("wrong", set, wrong / static_cast<double>(held.size()));
    if (compared > 0) {
      record.add("new_answer", set, stet::sum_of(new_answer) / compared);
      record.add("closest", set, stet::sum_of(closest) / compared);
      record.add("closest_expected", set, expected / compared);
    }
    record.add_facts("new_answer", set, new_answer);
    record.add_facts("closest", set, closest);
    record.add_facts("closest_cosine", set, rivals_.largest);
  }

  Parameters parameters_;
  stet::ReferenceWeights reference_;
  stet::Nearest rivals_;  // the new fact with the closest key, by the reference's keys: constants
};

}  // namespace

STET_PLUGIN("competitor", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<Competitor>(
      "competitor", "whether wrong answers to held facts are answers of new facts, and of the closest one",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set that may be damaged")
          .field("new_set", &Parameters::new_set, "fact set that is learnt")
          .field("reference", &Parameters::reference,
                 "snapshot under whose hidden states the closest new fact is found")
          .choice("among", &Parameters::among, stet::fact_groupings(),
                  "new facts that compete: those of the held fact's relation, or all")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token whose hidden state is a fact's key")
          .field("layer", &Parameters::layer, "of the keys; -1: the middle one", Limits{.min = -1})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
