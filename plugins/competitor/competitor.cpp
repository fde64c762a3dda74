// What is said in the place of a forgotten answer, and whose answer is it? Formulae: README.md.
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

#include <algorithm>
#include <map>

namespace {

constexpr const char* probe_name = "probe.competitor";

enum class Candidates { relation, set };

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::string reference = "base";
  Candidates among = Candidates::relation;
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t layer = -1;
  stet::ProbeTime when = stet::ProbeTime::always;
};

/// The new facts that a held fact is set against.
struct Rivals {
  bool any = false;
  std::int32_t closest_token = 0;  ///< first answer token of the one with the closest key
  double closest_cosine = 0;
};

class Competitor final : public stet::Probe {
 public:
  explicit Competitor(const Parameters& parameters)
      : parameters_(parameters), reference_(probe_name, parameters.reference) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::some_phase);
    context.require_layer("layer", parameters_.layer);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    per_fact_.clear();
    const std::vector<stet::ProbeFact> held = facts_of(context, probe_name, parameters_.set);
    const std::vector<stet::ProbeFact> fresh = facts_of(context, probe_name, parameters_.new_set);
    const int layer = chosen_layer(context, probe_name, parameters_.layer);
    if (!is_due(parameters_.when, context)) return {};
    if (rivals_.empty()) {
      const at::Tensor* const weights = reference_.find(context.snapshots);
      if (weights == nullptr) return {};
      find_rivals(context, *weights, held, fresh, static_cast<std::size_t>(layer));
    }
    std::map<std::uint32_t, std::map<std::int32_t, double>>
        answers;  // by group: how many new facts begin their answer so
    std::map<std::uint32_t, double> new_facts;
    for (const stet::ProbeFact& fact : fresh) {
      ++answers[group(fact)][fact.answer.front()];
      ++new_facts[group(fact)];
    }

    const std::vector<std::int64_t> produced = first_tokens(context, held.size());
    std::vector<double> new_answer(held.size()), closest(held.size()), cosine(held.size());
    double wrong = 0, of_new = 0, compared = 0, of_closest = 0, expected = 0;
    for (std::size_t i = 0; i < held.size(); ++i) {
      cosine[i] = rivals_[i].closest_cosine;
      const auto token = static_cast<std::int32_t>(produced[i]);
      if (token == held[i].answer.front()) continue;
      ++wrong;
      if (!rivals_[i].any) continue;
      const auto& theirs = answers.at(group(held[i]));
      const auto found = theirs.find(token);
      ++compared;
      if (found != theirs.end()) {
        new_answer[i] = 1;
        ++of_new;
        expected += found->second / new_facts.at(group(held[i]));
      }
      if (rivals_[i].closest_token == token) {
        closest[i] = 1;
        ++of_closest;
      }
    }
    std::vector<stet::Measurement> measured;
    const auto add = [&](const char* name, double value) { measured.push_back({name, parameters_.set, -1, value}); };
    add("wrong", wrong / static_cast<double>(held.size()));
    if (compared > 0) {
      add("new_answer", of_new / compared);
      add("closest", of_closest / compared);
      add("closest_expected", expected / compared);
    }
    per_fact_ = {{"new_answer", parameters_.set, stet::to_floats(new_answer)},
                 {"closest", parameters_.set, stet::to_floats(closest)},
                 {"closest_cosine", parameters_.set, stet::to_floats(cosine)}};
    return measured;
  }

  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& /*context*/) override {
    return per_fact_;
  }

 private:
  [[nodiscard]] std::uint32_t group(const stet::ProbeFact& fact) const {
    return parameters_.among == Candidates::relation ? fact.relation : 0;
  }

  /// By the keys under the reference weights: constants.
  void find_rivals(const stet::ProbeContext& context, const at::Tensor& weights,
                   const std::vector<stet::ProbeFact>& held, const std::vector<stet::ProbeFact>& fresh,
                   std::size_t layer) {
    const auto keys = [&](const std::string& set) {
      return context.hidden_states(set, weights, parameters_.position, stet::fact_limit(0)).at(layer);
    };
    const auto members = [this](const std::vector<stet::ProbeFact>& facts) {
      std::map<std::uint32_t, std::vector<std::int64_t>> groups;
      for (std::size_t i = 0; i < facts.size(); ++i) groups[group(facts[i])].push_back(static_cast<std::int64_t>(i));
      return groups;
    };
    const at::Tensor of_held = keys(parameters_.set), of_new = keys(parameters_.new_set);
    const auto new_groups = members(fresh);
    rivals_.resize(held.size());
    for (const auto& [name, facts] : members(held)) {
      const auto rivals = new_groups.find(name);
      if (rivals == new_groups.end()) continue;
      const stet::Nearest nearest = stet::nearest_by_cosine(of_held.index_select(0, at::tensor(facts)),
                                                            of_new.index_select(0, at::tensor(rivals->second)));
      for (std::size_t i = 0; i < facts.size(); ++i) {
        const std::int64_t index = rivals->second[static_cast<std::size_t>(nearest.where[i])];
        rivals_[static_cast<std::size_t>(facts[i])] = {true, fresh[static_cast<std::size_t>(index)].answer.front(),
                                                       nearest.largest[i]};
      }
    }
  }

  /// The most probable first token of every held fact's answer.
  [[nodiscard]] std::vector<std::int64_t> first_tokens(const stet::ProbeContext& context, std::size_t size) const {
    std::vector<std::int64_t> tokens(size, -1);
    constexpr std::int64_t group = 64;
    context.examples.for_each({parameters_.set, 0, group}, context.weights, [&](const stet::ExampleRows& rows) {
      const at::Tensor best = rows.logits.argmax(1).contiguous();
      for (std::size_t p = rows.sequence_of.size(); p-- > 0;) {  // the first row of an example is written last
        tokens.at(static_cast<std::size_t>(rows.first + rows.sequence_of[p])) = best.data_ptr<std::int64_t>()[p];
      }
    });
    return tokens;
  }

  Parameters parameters_;
  stet::ReferenceWeights reference_;
  std::vector<Rivals> rivals_;                   // one a held fact
  std::vector<stet::FactMeasurement> per_fact_;  // from measure() to measure_facts()
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
          .choice("among", &Parameters::among, {{"relation", Candidates::relation}, {"set", Candidates::set}},
                  "new facts that compete: those of the held fact's relation, or all")
          .choice("position", &Parameters::position, stet::probe_positions(),
                  "token whose hidden state is a fact's key")
          .field("layer", &Parameters::layer, "of the keys; -1: the middle one", Limits{.min = -1})
          .choice("when", &Parameters::when, stet::probe_times(), "at which evaluations"));
}
