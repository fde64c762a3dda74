#include <stet/run/fact_covariates.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace stet {

namespace {

std::vector<TokenId> name_tokens(const Tokenizer& tokenizer, const std::string& subject) {
  return tokenizer.encode(" " + subject, SpecialTokens::leave_out, TextPosition::inside);
}

/// Log-likelihood of each subject in its sequence. A token at the very beginning of a text has none.
std::vector<double> score_names(const BaseModel& base, TokenizedSet set, const World& world,
                                Communicator& communicator) {
  std::vector<std::size_t> scored;
  std::vector<TokenSequence> sequences;
  for (std::size_t i = 0; i < set.sequences.size(); ++i) {
    const std::string& wording = world.relations()[set.facts[i].relation].probe;
    std::string before = wording.substr(0, wording.find("[X]"));
    while (before.ends_with(' ')) before.pop_back();  // a byte-level name's first token has the space
    TokenSequence& sequence = set.sequences[i];
    const std::size_t lead = base.tokenizer.before_text().size() + base.tokenizer.encode(before).size();
    const auto begin = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(lead));
    const auto end = static_cast<std::uint32_t>(set.subject_end[i]) + 1;
    if (begin >= end) continue;
    sequence.loss_begin = begin;
    sequence.loss_spans = {{begin, end}};
    sequences.push_back(std::move(sequence));
    scored.push_back(i);
  }
  const std::size_t facts = set.facts.size();
  set.sequences = std::move(sequences);
  const SetScore result = score(base.model, base.weights, set, communicator);
  std::vector<double> likelihood(facts, 0.0);
  for (std::size_t k = 0; k < scored.size(); ++k) likelihood[scored[k]] = result.log_probability[k];
  return likelihood;
}

/// [facts, d], rows of length 1 (or 0).
at::Tensor mean_embeddings(const BaseModel& base, std::span<const Fact> facts) {
  const ParameterTable& table = base.model.table();
  std::size_t index = 0;
  while (table[index].role != Role::embedding) ++index;
  const at::Tensor embedding = table.view(base.weights, index);
  std::vector<at::Tensor> rows;
  for (const Fact& fact : facts) {
    const std::vector<TokenId> tokens = name_tokens(base.tokenizer, fact.subject);
    const std::vector<std::int64_t> ids(tokens.begin(), tokens.end());
    rows.push_back(embedding.index_select(0, at::tensor(ids)).to(at::kDouble).mean(0));
  }
  const at::Tensor all = at::stack(rows);
  return all / (all * all).sum(1, true).sqrt().clamp_min(1e-30);
}

}  // namespace

FactCovariates base_covariates(const BaseModel& base, const World& world, std::span<const Fact> facts,
                               Communicator& communicator) {
  FactCovariates result;
  if (facts.empty()) return result;
  std::unordered_map<TokenId, double> showings;
  std::vector<double> relation_facts(world.relations().size());
  std::map<std::pair<std::uint32_t, std::string>, double> answers;
  for (std::size_t i = 0; i < world.base_facts().size(); ++i) {
    const Fact& fact = world.base_facts()[i];
    const std::vector<TokenId> tokens = name_tokens(base.tokenizer, fact.subject);
    for (const TokenId token : std::unordered_set<TokenId>(tokens.begin(), tokens.end()))
      showings[token] += world.frequency(i);
    relation_facts[fact.relation] += 1;
    answers[{fact.relation, fact.answer}] += 1;
  }
  for (const Fact& fact : facts) {
    const std::vector<TokenId> tokens = name_tokens(base.tokenizer, fact.subject);
    double sum = 0;
    for (const TokenId token : tokens) {
      const auto found = showings.find(token);
      sum += std::log1p(found == showings.end() ? 0.0 : found->second);
    }
    result.name_length.push_back(static_cast<double>(tokens.size()));
    result.log_frequency.push_back(sum / static_cast<double>(std::max<std::size_t>(tokens.size(), 1)));
    const auto found = answers.find({fact.relation, fact.answer});
    result.answer_frequency.push_back(found == answers.end() ? 0.0 : found->second / relation_facts[fact.relation]);
  }
  const auto probe = [&world](const Fact& fact) -> const std::string& {
    return world.relations()[fact.relation].probe;
  };
  TokenizedSet set = tokenize_set("covariates", facts, base.tokenizer, probe);
  result.base_margin = score(base.model, base.weights, set, communicator).log_probability;
  result.name_likelihood = score_names(base, std::move(set), world, communicator);
  return result;
}

std::vector<double> token_overlap(const Tokenizer& tokenizer, std::span<const Fact> facts,
                                  std::span<const Fact> others) {
  std::unordered_set<TokenId> seen;
  for (const Fact& fact : others) {
    for (const TokenId token : name_tokens(tokenizer, fact.subject)) seen.insert(token);
  }
  std::vector<double> shares;
  for (const Fact& fact : facts) {
    const std::vector<TokenId> tokens = name_tokens(tokenizer, fact.subject);
    const auto common =
        std::count_if(tokens.begin(), tokens.end(), [&seen](TokenId token) { return seen.contains(token); });
    shares.push_back(tokens.empty() ? 0.0 : static_cast<double>(common) / static_cast<double>(tokens.size()));
  }
  return shares;
}

std::vector<double> embedding_cosine(const BaseModel& base, std::span<const Fact> facts, std::span<const Fact> others) {
  std::vector<double> result(facts.size(), 0.0);
  if (facts.empty() || others.empty()) return result;
  const at::NoGradGuard guard;
  const at::Tensor largest =
      mean_embeddings(base, facts).matmul(mean_embeddings(base, others).t()).amax({1}).contiguous();
  std::copy_n(largest.data_ptr<double>(), result.size(), result.begin());
  return result;
}

void record_covariates(const BaseModel& base, const World& world, std::span<const TokenizedSet> sets,
                       Communicator& communicator, report::OutcomeRecord& outcomes) {
  const auto facts_of = [&sets](const std::string& name) -> std::span<const Fact> {
    for (const TokenizedSet& set : sets) {
      if (set.name == name) return set.facts;
    }
    return {};
  };
  for (const auto& [name, other] : {std::pair<const char*, const char*>{"held", "unknown"}, {"unknown", "held"}}) {
    const std::span<const Fact> facts = facts_of(name), others = facts_of(other);
    if (facts.empty()) continue;
    const FactCovariates covariates = base_covariates(base, world, facts, communicator);
    std::map<std::string, std::vector<float>>& extra = outcomes.sets[name].extra;
    const auto put = [&extra](const char* key, const std::vector<double>& values) {
      extra[key].assign(values.begin(), values.end());
    };
    put("token_overlap", token_overlap(base.tokenizer, facts, others));
    put("log_frequency", covariates.log_frequency);
    put("answer_frequency", covariates.answer_frequency);
    put("name_length", covariates.name_length);
    put("base_margin", covariates.base_margin);
    put("embedding_cosine", embedding_cosine(base, facts, others));
  }
}

}  // namespace stet
