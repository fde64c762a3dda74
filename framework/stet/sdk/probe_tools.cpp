#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/sdk/probe_tools.hpp>

#include <algorithm>
#include <limits>

namespace stet {

bool is_due(ProbeTime when, const ProbeContext& context) noexcept {
  switch (when) {
    case ProbeTime::always: return true;
    case ProbeTime::phases: return context.first || context.phase_end;
    case ProbeTime::ends: return context.first || context.last;
    case ProbeTime::start: return context.first;
  }
  return true;
}

std::vector<std::pair<std::string, ProbeTime>> probe_times() {
  return {{"always", ProbeTime::always},
          {"phases", ProbeTime::phases},
          {"ends", ProbeTime::ends},
          {"start", ProbeTime::start}};
}

std::vector<std::pair<std::string, ProbePosition>> probe_positions() {
  return {{"subject_end", ProbePosition::subject_end}, {"prompt_end", ProbePosition::prompt_end}};
}

void require_set(const ProbeContext& context, const std::string& probe, const std::string& set) {
  if (std::find(context.sets.begin(), context.sets.end(), set) != context.sets.end()) return;
  throw Error(ErrorKind::config, probe + ": there is no fact set '" + set + "'")
      .expected("one of: " + join(context.sets, ", "))
      .received(set)
      .hint(suggestion(set, context.sets));
}

void require_examples(const ProbeContext& context, const std::string& probe, const std::string& set) {
  const std::vector<std::string> sets = context.examples.sets();
  if (std::find(sets.begin(), sets.end(), set) != sets.end()) return;
  throw Error(ErrorKind::config, probe + ": there is no set of examples '" + set + "'")
      .expected("one of: " + join(sets, ", "))
      .received(set)
      .hint(suggestion(set, sets));
}

std::vector<ProbeFact> facts_of(const ProbeContext& context, const std::string& probe, const std::string& set) {
  require_set(context, probe, set);
  std::vector<ProbeFact> facts = context.facts(set);
  if (facts.empty()) throw Error(ErrorKind::config, probe + ": the fact set '" + set + "' is empty");
  return facts;
}

const at::Tensor* ReferenceWeights::find(const Snapshots& snapshots) {
  try {
    return &snapshots.get(name_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    if (!warned_) log::warning("{} measures nothing before its reference exists: {}", probe_, error.what());
    warned_ = true;
    return nullptr;
  }
}

std::size_t fact_limit(std::int64_t limit) noexcept {
  return limit > 0 ? static_cast<std::size_t>(limit) : std::numeric_limits<std::size_t>::max();
}

int chosen_layer(const ProbeContext& context, const std::string& probe, std::int64_t layer) {
  const std::int64_t layers = context.model.config().layers;
  if (layer > layers) {
    throw Error(ErrorKind::config, probe + ": the model has no layer " + std::to_string(layer))
        .expected("0 (embedding) to " + std::to_string(layers) + ", or -1: the middle one")
        .received(std::to_string(layer));
  }
  return static_cast<int>(layer >= 0 ? layer : (layers + 1) / 2);
}

std::vector<std::pair<std::string, FactGrouping>> fact_groupings() {
  return {{"relation", FactGrouping::relation}, {"set", FactGrouping::set}};
}

std::uint32_t group_of(const ProbeFact& fact, FactGrouping by) noexcept {
  return by == FactGrouping::relation ? fact.relation : 0;
}

FactGroups groups_of(const std::vector<ProbeFact>& facts, FactGrouping by, std::size_t limit) {
  FactGroups groups;
  for (std::size_t i = 0; i < std::min(limit, facts.size()); ++i) {
    groups[group_of(facts[i], by)].push_back(static_cast<std::int64_t>(i));
  }
  return groups;
}

Nearest nearest_in_group(const at::Tensor& a, const FactGroups& groups_of_a, const at::Tensor& b,
                         const FactGroups& groups_of_b) {
  const auto rows = static_cast<std::size_t>(a.size(0));
  Nearest all{std::vector<double>(rows), std::vector<double>(rows), std::vector<std::int64_t>(rows, -1)};
  for (const auto& [group, members] : groups_of_a) {
    const auto others = groups_of_b.find(group);
    if (others == groups_of_b.end()) continue;
    const Nearest nearest =
        nearest_by_cosine(a.index_select(0, at::tensor(members)), b.index_select(0, at::tensor(others->second)));
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto row = static_cast<std::size_t>(members[i]);
      all.largest[row] = nearest.largest[i];
      all.mean[row] = nearest.mean[i];
      all.where[row] = others->second[static_cast<std::size_t>(nearest.where[i])];
    }
  }
  return all;
}

std::vector<Tokens> subject_tokens(const std::vector<ProbeFact>& facts) {
  std::vector<Tokens> tokens;
  for (const ProbeFact& fact : facts) tokens.emplace_back(fact.subject.begin(), fact.subject.end());
  return tokens;
}

at::Tensor subject_embeddings(const Transformer& model, const at::Tensor& weights,
                              const std::vector<ProbeFact>& facts) {
  const auto entries = model.table().entries();
  const auto embedding =
      std::find_if(entries.begin(), entries.end(), [](const auto& p) { return p.role == Role::embedding; });
  STET_ASSERT(embedding != entries.end());
  const at::Tensor table = model.table().view(weights, static_cast<std::size_t>(embedding - entries.begin()));
  std::vector<at::Tensor> means;
  for (const ProbeFact& fact : facts) {
    const std::vector<std::int64_t> ids(fact.subject.begin(), fact.subject.end());
    means.push_back(table.index_select(0, at::tensor(ids)).to(at::kDouble).mean(0));
  }
  return at::stack(means);
}

std::optional<StatesNowAndThen> ReferenceStates::of(const ProbeContext& context, const std::string& set) {
  require_set(context, probe_, set);
  const auto states = [&](const at::Tensor& weights) { return context.hidden_states(set, weights, position_, limit_); };
  auto then = then_.find(set);
  if (then == then_.end()) {
    const at::Tensor* const weights = reference_.find(context.snapshots);
    if (weights == nullptr) return std::nullopt;
    then = then_.emplace(set, states(*weights)).first;
  }
  std::vector<at::Tensor> now = states(context.weights);
  STET_ASSERT(now.size() == then->second.size());
  if (now.empty() || !now.front().defined() || now.front().size(0) == 0) {
    throw Error(ErrorKind::config, probe_ + ": the fact set '" + set + "' is empty");
  }
  return StatesNowAndThen{std::move(now), then->second};
}

}  // namespace stet
