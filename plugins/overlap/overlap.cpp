// How alike held and new names are before anything is trained: tokens, input embeddings, hidden states. Formulae:
// README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/recording_probe.hpp>

#include <algorithm>

namespace {

constexpr const char* probe_name = "probe.overlap";

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::string reference = "base";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t layer = -1;
};

/// The share of each name's tokens that any of the other names has.
std::vector<double> shares_of_tokens(const std::vector<stet::Tokens>& names, const std::vector<stet::Tokens>& others) {
  stet::Tokens any;
  for (const stet::Tokens& other : others) any.insert(other.begin(), other.end());
  std::vector<double> shares;
  for (const stet::Tokens& name : names) {
    const auto found = std::count_if(name.begin(), name.end(), [&](std::int32_t token) { return any.contains(token); });
    shares.push_back(static_cast<double>(found) / static_cast<double>(name.size()));
  }
  return shares;
}

class Overlap final : public stet::RecordingProbe {
 public:
  explicit Overlap(const Parameters& parameters) : RecordingProbe(stet::ProbeTime::start), parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::first_phase);
    context.require_layer("layer", parameters_.layer);
  }

 private:
  void record(const stet::ProbeContext& context, stet::ProbeRecord& record) override {
    const std::string& set = parameters_.set;
    const std::vector<stet::ProbeFact> held = facts_of(context, probe_name, set);
    const std::vector<stet::ProbeFact> fresh = facts_of(context, probe_name, parameters_.new_set);
    const int chosen = chosen_layer(context, probe_name, parameters_.layer);
    const at::Tensor& weights = context.snapshots.get(parameters_.reference);

    const std::vector<stet::Tokens> held_names = subject_tokens(held), fresh_names = subject_tokens(fresh);
    const stet::Nearest tokens = stet::nearest_by_jaccard(held_names, fresh_names);
    record.add_mean("jaccard_max", set, tokens.largest);
    record.add_mean("jaccard_mean", set, tokens.mean);
    record.add_mean("token_share", set, shares_of_tokens(held_names, fresh_names));
    const stet::Nearest embeddings = stet::nearest_by_cosine(subject_embeddings(context.model, weights, held),
                                                             subject_embeddings(context.model, weights, fresh));
    record.add_mean("embedding_max", set, embeddings.largest);
    record.add_mean("embedding_mean", set, embeddings.mean);
    const auto states = [&](const std::string& of) {
      return context.hidden_states(of, weights, parameters_.position, stet::fact_limit(0));
    };
    const std::vector<at::Tensor> of_held = states(set), of_new = states(parameters_.new_set);
    for (std::size_t l = 0; l < of_held.size(); ++l) {
      const int layer = static_cast<int>(l);
      const stet::Nearest nearest = stet::nearest_by_cosine(of_held[l], of_new[l]);
      record.add_mean("representation_max", set, nearest.largest, layer, layer == chosen);
      record.add_mean("representation_mean", set, nearest.mean, layer, layer == chosen);
    }
  }

  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("overlap", "1.0", "stet") {
  using stet::config::Limits;
  registrar.probe<Overlap>(
      "overlap", "token, embedding and representation overlap of held with new names, before training",
      stet::config::Schema<Parameters>(probe_name)
          .field("set", &Parameters::set, "fact set that may be damaged")
          .field("new_set", &Parameters::new_set, "fact set that is learnt")
          .field("reference", &Parameters::reference, "snapshot whose embeddings and hidden states are compared")
          .choice("position", &Parameters::position, stet::probe_positions(), "token whose hidden state is looked at")
          .field("layer", &Parameters::layer, "of the per-fact representation values; -1: the middle one",
                 Limits{.min = -1}));
}
