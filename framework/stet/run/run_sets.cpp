#include <stet/run/run_sets.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/run/fact_covariates.hpp>
#include <stet/train/example_store.hpp>
#include <stet/world/curation.hpp>
#include <stet/world/fact_variants.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

namespace stet {

namespace {

FactSet& set_named(std::vector<FactSet>& sets, const std::string& name) {
  const auto found = std::find_if(sets.begin(), sets.end(), [&name](const FactSet& set) { return set.name == name; });
  STET_ASSERT(found != sets.end());
  return *found;
}

/// Draws one set by matching; keeps the account of it.
class Matcher {
 public:
  Matcher(const PlannedRun& run, const BaseModel& base, const World& world, Communicator& communicator)
      : run_(run), base_(base), world_(world), communicator_(communicator) {}

  /// `size` facts of `pool` whose subjects are not used, matched to `targets`. `with_answer`: on the answer's
  /// likelihood too.
  std::vector<Fact> match(const std::string& name, std::size_t size, std::span<const Fact> targets,
                          const std::string& to, std::vector<Fact> pool, const std::unordered_set<std::string>& used,
                          bool with_answer) {
    std::erase_if(pool, [&used](const Fact& fact) { return used.contains(fact.subject); });
    const std::vector<std::string> names = covariate_names(with_answer);
    const std::vector<Candidate> from = candidates(targets, with_answer), all = candidates(pool, with_answer);
    MatchOptions options;
    options.seed = run_.config.sets.seed + run_.seed;
    options.what = name + " facts";
    std::vector<Fact> facts;
    std::vector<Candidate> chosen;
    for (const std::size_t i : match_nearest(from, all, size, options)) {
      facts.push_back(pool[i]);
      chosen.push_back(all[i]);
    }
    const std::vector<double> before = standardized_mean_differences(all, from),
                              after = standardized_mean_differences(chosen, from);
    text_ += fmt::format(
        "\n{} {} facts of {} candidates, matched to {} {} facts in their relations.\n\n| covariate | SMD before | SMD "
        "after |  |\n"
        "| --- | ---: | ---: | --- |\n",
        size, name, pool.size(), targets.size(), to);
    for (std::size_t c = 0; c < names.size() && size > 0; ++c) {
      const bool off = std::abs(after[c]) >= balanced;
      text_ += fmt::format("| {} | {:.3f} | {:.3f} | {} |\n", names[c], before[c], after[c], off ? "not balanced" : "");
      if (off && communicator_.rank() == 0) {
        log::warning(
            "arm {}, seed {}: {} facts differ from {} facts in {} by {:.2f} standard deviations after matching",
            run_.arm, run_.seed, name, to, names[c], after[c]);
      }
    }
    return facts;
  }

  [[nodiscard]] std::string text() const {
    return fmt::format(
               "Matched sets of arm {}, seed {}. SMD: standardized mean difference; below {} counts as balanced. "
               "Before: all candidates; "
               "after: those chosen.\n",
               run_.arm, run_.seed, balanced) +
           text_;
  }

 private:
  static constexpr double balanced = 0.1;  // Austin 2009

  static std::vector<std::string> covariate_names(bool with_answer) {
    std::vector<std::string> names = {"name length (tokens)", "name-token log frequency", "log-likelihood of the name",
                                      "answer frequency"};
    if (with_answer) names.emplace_back("log-likelihood of the answer");
    return names;
  }

  std::vector<Candidate> candidates(std::span<const Fact> facts, bool with_answer) const {
    const FactCovariates c = base_covariates(base_, world_, facts, communicator_);
    std::vector<Candidate> result;
    for (std::size_t i = 0; i < facts.size(); ++i) {
      result.push_back(
          {facts[i].relation, {c.name_length[i], c.log_frequency[i], c.name_likelihood[i], c.answer_frequency[i]}});
      if (with_answer) result.back().covariates.push_back(c.base_margin[i]);
    }
    return result;
  }

  const PlannedRun& run_;
  const BaseModel& base_;
  const World& world_;
  Communicator& communicator_;
  std::string text_;
};

std::vector<FactSet> draw_matched(const PlannedRun& run, const BaseModel& base, const World& world,
                                  const EligibleFacts& eligible, Communicator& communicator, std::string& account) {
  SetSizes sizes = run.config.sets.sizes();
  const std::size_t held = std::exchange(sizes.held, 0), unknown = std::exchange(sizes.unknown, 0);
  std::vector<FactSet> sets = draw_sets(eligible.pools(), sizes, run.config.sets.seed + run.seed);
  std::unordered_set<std::string> used;
  for (const FactSet& set : sets) {
    for (const Fact& fact : set.facts) used.insert(fact.subject);
  }
  Matcher matcher(run, base, world, communicator);
  FactSet& held_set = set_named(sets, "held");
  held_set.facts = matcher.match("held", held, set_named(sets, "known").facts, "known", eligible.held, used, true);
  for (const Fact& fact : held_set.facts) used.insert(fact.subject);
  set_named(sets, "unknown").facts =
      matcher.match("unknown", unknown, held_set.facts, "held", eligible.fresh, used, false);
  account = matcher.text();
  return sets;
}

}  // namespace

RunSets make_run_sets(const PlannedRun& run, const BaseModel& base, const World& world, const KnowledgeLabels* labels,
                      Communicator& communicator) {
  const SetsConfig& config = run.config.sets;
  const std::uint64_t seed = config.seed + run.seed;
  const EligibleFacts eligible = eligible_facts(world, base.recall, config, labels);
  RunSets result;
  std::vector<FactSet> sets = config.match ? draw_matched(run, base, world, eligible, communicator, result.curation)
                                           : draw_sets(eligible.pools(), config.sizes(), seed, config.max_answer_share);
  std::vector<Fact>& unknown = set_named(sets, "unknown").facts;
  if (config.unknown_labels == UnknownLabels::shuffled) shuffle_answers(unknown, seed);
  if (config.unknown_labels == UnknownLabels::idk) replace_answers(unknown, world.refusal());
  if (config.known_keys == KnownKeys::suffix) {
    append_to_subjects(set_named(sets, "known").facts, [&](std::uint64_t index) { return world.key(seed, index); });
  }
  const auto probe = [&world](const Fact& fact) -> const std::string& {
    return world.relations()[fact.relation].probe;
  };
  for (const FactSet& set : sets) {
    result.sets.push_back(tokenize_set(set.name, set.facts, base.tokenizer, probe));
    check_lengths(result.sets.back(), base.model.config().context);
    for (std::size_t i = 0; i < result.sets.back().sequences.size(); ++i) {
      result.sets.back().sequences[i].example = ExampleStore::number_of(result.sets.size() - 1, i);
    }
  }
  return result;
}

}  // namespace stet
