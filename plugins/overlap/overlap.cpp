// How alike held and new names are before anything is trained: tokens, input embeddings, hidden states. Formulae:
// README.md.
#include <stet/plugin.hpp>
#include <stet/plugin/probe_tools.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace {

constexpr const char* probe_name = "probe.overlap";

struct Parameters {
  std::string set = "held";
  std::string new_set = "unknown";
  std::string reference = "base";
  stet::ProbePosition position = stet::ProbePosition::subject_end;
  std::int64_t layer = -1;
};

using Tokens = std::set<std::int32_t>;

std::vector<Tokens> tokens_of(const std::vector<stet::ProbeFact>& facts) {
  std::vector<Tokens> names;
  for (const stet::ProbeFact& fact : facts) names.emplace_back(fact.subject.begin(), fact.subject.end());
  return names;
}

/// Largest and mean Jaccard index of each held name with the new names, and the share of its tokens that any of them
/// has.
struct TokenOverlap {
  std::vector<double> largest, mean, share;
};

TokenOverlap token_overlap(const std::vector<Tokens>& held, const std::vector<Tokens>& fresh) {
  std::map<std::int32_t, std::vector<std::size_t>> holders;  // new names that have a token
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    for (const std::int32_t token : fresh[i]) holders[token].push_back(i);
  }
  TokenOverlap overlap;
  for (const Tokens& name : held) {
    std::map<std::size_t, std::size_t> common;
    std::size_t found = 0;
    for (const std::int32_t token : name) {
      const auto having = holders.find(token);
      if (having == holders.end()) continue;
      ++found;
      for (const std::size_t i : having->second) ++common[i];
    }
    double largest = 0, sum = 0;
    for (const auto& [i, count] : common) {
      const double jaccard = static_cast<double>(count) / static_cast<double>(name.size() + fresh[i].size() - count);
      largest = std::max(largest, jaccard);
      sum += jaccard;
    }
    overlap.largest.push_back(largest);
    overlap.mean.push_back(sum / static_cast<double>(fresh.size()));
    overlap.share.push_back(static_cast<double>(found) / static_cast<double>(name.size()));
  }
  return overlap;
}

/// Mean input embedding of each name's tokens (with repetitions): [facts, d].
at::Tensor name_embeddings(const stet::Transformer& model, const at::Tensor& weights,
                           const std::vector<stet::ProbeFact>& facts) {
  const auto& entries = model.table().entries();
  const auto embedding =
      std::find_if(entries.begin(), entries.end(), [](const auto& p) { return p.role == stet::Role::embedding; });
  STET_ASSERT(embedding != entries.end());
  const at::Tensor table = model.table().view(weights, static_cast<std::size_t>(embedding - entries.begin()));
  std::vector<at::Tensor> means;
  for (const stet::ProbeFact& fact : facts) {
    const std::vector<std::int64_t> ids(fact.subject.begin(), fact.subject.end());
    means.push_back(table.index_select(0, at::tensor(ids)).to(at::kDouble).mean(0));
  }
  return at::stack(means);
}

class Overlap final : public stet::Probe {
 public:
  explicit Overlap(const Parameters& parameters) : parameters_(parameters) {}

  void check(const stet::CheckContext& context) const override {
    context.require_fact_set("set", parameters_.set);
    context.require_fact_set("new_set", parameters_.new_set);
    context.require_snapshot("reference", parameters_.reference, stet::CheckContext::Need::first_phase);
    context.require_layer("layer", parameters_.layer);
  }

  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const at::NoGradGuard guard;
    per_fact_.clear();
    const std::vector<stet::ProbeFact> held = facts_of(context, probe_name, parameters_.set);
    const std::vector<stet::ProbeFact> fresh = facts_of(context, probe_name, parameters_.new_set);
    const int middle = chosen_layer(context, probe_name, parameters_.layer);
    if (!is_due(stet::ProbeTime::start, context)) return {};
    const at::Tensor& weights = context.snapshots.get(parameters_.reference);

    std::vector<stet::Measurement> measured;
    const auto report = [&](const std::string& name, int layer, const std::vector<double>& values, bool keep) {
      measured.push_back({name, parameters_.set, layer, stet::mean_of(values)});
      if (keep) per_fact_.push_back({name, parameters_.set, stet::to_floats(values)});
    };
    const TokenOverlap tokens = token_overlap(tokens_of(held), tokens_of(fresh));
    report("jaccard_max", -1, tokens.largest, true);
    report("jaccard_mean", -1, tokens.mean, true);
    report("token_share", -1, tokens.share, true);
    const stet::Nearest embeddings = stet::nearest_by_cosine(name_embeddings(context.model, weights, held),
                                                             name_embeddings(context.model, weights, fresh));
    report("embedding_max", -1, embeddings.largest, true);
    report("embedding_mean", -1, embeddings.mean, true);
    const auto states = [&](const std::string& set) {
      return context.hidden_states(set, weights, parameters_.position, stet::fact_limit(0));
    };
    const std::vector<at::Tensor> of_held = states(parameters_.set), of_new = states(parameters_.new_set);
    for (std::size_t l = 0; l < of_held.size(); ++l) {
      const int layer = static_cast<int>(l);
      const stet::Nearest nearest = stet::nearest_by_cosine(of_held[l], of_new[l]);
      report("representation_max", layer, nearest.largest, layer == middle);
      report("representation_mean", layer, nearest.mean, layer == middle);
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
