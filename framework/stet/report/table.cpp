#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/outcomes/answer_baseline.hpp>
#include <stet/report/runs.hpp>
#include <stet/report/table.hpp>
#include <stet/statistics/resampling.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace stet::report {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double level = 0.05;  // what the notes on reachable p-values speak of

Estimate estimate_of(const Sample& sample, Measure measure, const BootstrapOptions& options) {
  if (sample.a.empty()) return {nan, nan, nan, {}};
  if (!sample.than_a.empty())
    return difference_of_differences(sample.a, sample.b, sample.than_a, sample.than_b, measure, options);
  return sample.b.empty() ? hierarchical_bootstrap(sample.a, measure, options)
                          : paired_difference(sample.a, sample.b, measure, options);
}

void check_claim(const ClaimSpec& claim) {
  const bool paired = !claim.baseline.empty();
  if (!paired && claim.direction == Direction::equivalent) {
    throw Error(ErrorKind::config, fmt::format("claim '{}': 'equivalent' without a baseline", claim.text))
        .expected("a baseline that the arm is equivalent to")
        .hint("name a baseline, or use direction 'less' or 'greater' with the margin as the threshold");
  }
  if (!paired && claim.than.named()) {
    throw Error(ErrorKind::config, fmt::format("claim '{}': 'than' without a baseline", claim.text))
        .expected("a difference to compare a difference with");
  }
  const bool usable = paired ? claim.margin >= 0 && claim.margin <= 1 : claim.margin >= -1 && claim.margin <= 1;
  if (!usable) {  // NaN too
    throw Error(ErrorKind::config, fmt::format("claim '{}': a margin that no accuracy can meet", claim.text))
        .expected(paired ? "a fraction in [0, 1]; 0.02 is two points" : "a threshold in [-1, 1]; 0.5 is 50 %")
        .received(fmt::format("{}", claim.margin));
  }
}

/// What the number of seeds makes impossible, said before someone reads a large p as "no effect". `pairs`: of each
/// test of the family.
void note_reachable_p(Runs& runs, std::span<const std::size_t> pairs) {
  double smallest = 1;
  for (const std::size_t n : pairs) smallest = std::min(smallest, smallest_sign_flip_p(n));
  for (const std::size_t n : std::set<std::size_t>(pairs.begin(), pairs.end())) {
    const double p = smallest_sign_flip_p(n);
    if (n > 0 && p > level) {
      runs.note(
          fmt::format("With {} {} the smallest attainable two-sided p is {:.4g}: such a comparison cannot reach "
                      "{}; at least 6 seeds are needed.",
                      n, n == 1 ? "seed" : "seeds", p, level));
    }
  }
  const auto family = static_cast<double>(pairs.size());
  if (smallest <= level && smallest * family > level) {
    runs.note(fmt::format("Over {} comparisons the smallest attainable p after Holm is {:.4g}: none can reach {}.",
                          pairs.size(), smallest * family, level));
  }
}

/// Means over base models that point both ways: said, since seeds on one base model are counted as independent.
void note_disagreement(Runs& runs, const std::string& what, std::span<const double> by_base) {
  const bool up = std::any_of(by_base.begin(), by_base.end(), [](double d) { return d > 0; });
  const bool down = std::any_of(by_base.begin(), by_base.end(), [](double d) { return d < 0; });
  if (up && down) runs.note(what + ": base models differ in sign; its interval says nothing of a new base model.");
}

/// Every arm that the declaration names, once.
std::vector<std::string> arms_of(const TableSpec& spec) {
  std::vector<std::string> arms;
  const auto mention = [&](const std::string& arm) {
    if (!arm.empty() && std::find(arms.begin(), arms.end(), arm) == arms.end()) arms.push_back(arm);
  };
  for (const auto& [name, label] : spec.arms) mention(name);
  const auto mention_sides = [&](const auto& entry) {
    for (const std::string& arm : {entry.arm, entry.baseline, entry.than.arm, entry.than.baseline}) mention(arm);
  };
  for (const ComparisonSpec& comparison : spec.comparisons) mention_sides(comparison);
  for (const ClaimSpec& claim : spec.claims) mention_sides(claim);
  for (const MatchedSpec& matched : spec.matched) {
    mention(matched.arm), mention(matched.baseline);
    for (const std::string& arm : matched.family) mention(arm);
  }
  for (const FrontSpec& front : spec.fronts) {
    for (const std::string& arm : front.arms) mention(arm);
  }
  for (const ShareSpec& share : spec.shares) mention(share.arm), mention(share.reference), mention(share.baseline);
  for (const RegressionSpec& regression : spec.regressions) {
    for (const std::string& arm : regression.arms) mention(arm);
  }
  return arms;
}

/// Holm's correction over the comparisons and matched comparisons together.
void adjust(Table& table, Runs& runs) {
  std::vector<double> p_values;
  std::vector<std::size_t> pairs;
  for (const Comparison& comparison : table.comparisons) {
    p_values.push_back(comparison.test.p_value);
    pairs.push_back(comparison.n);
  }
  for (const Matched& matched : table.matched) {
    p_values.push_back(matched.test.p_value);
    pairs.push_back(matched.seed_list.size());
  }
  const std::vector<double> adjusted = holm(p_values);
  const std::size_t comparisons = table.comparisons.size();
  for (std::size_t i = 0; i < adjusted.size(); ++i) {
    (i < comparisons ? table.comparisons[i].p_holm : table.matched[i - comparisons].p_holm) = adjusted[i];
  }
  note_reachable_p(runs, pairs);
}

/// As compute_table says: final accuracy beside forgetting and drop.
TableSpec with_accuracies(TableSpec spec) {
  for (std::size_t i = 0; i < spec.columns.size(); ++i) {
    const ColumnSpec column = spec.columns[i];
    if (column.measure != Measure::forgetting && column.measure != Measure::drop) continue;
    const bool shown = std::any_of(spec.columns.begin(), spec.columns.end(), [&](const ColumnSpec& other) {
      return other.set == column.set && other.measure == Measure::final_accuracy;
    });
    if (shown) continue;
    const ColumnSpec accuracy{column.set + ", final accuracy", column.set, Measure::final_accuracy, column.percent};
    spec.columns.insert(spec.columns.begin() + static_cast<std::ptrdiff_t>(i), accuracy);
    ++i;
  }
  return spec;
}

/// What is said of intervals for the numbers of seeds that they are over.
void note_intervals(Runs& runs, const Table& table, std::set<std::size_t> seeds) {
  const BootstrapOptions& options = table.spec.bootstrap;
  if (seeds.contains(1)) runs.note("One seed has no interval: it says nothing of the spread over seeds.");
  const auto note_short = [&](const std::string& what, std::size_t n, std::size_t draws) {
    const double tail = expanded_tail(options.confidence, n);
    if (n < least_seeds || reaches(draws, tail)) return;
    runs.note(
        fmt::format("{}: of {} draws none lies beyond the {:.2g} % that an interval over {} seeds leaves out on either "
                    "side; its ends are the extremes of the draws.",
                    what, draws, 100 * tail, n));
  };
  for (const std::size_t n : seeds) note_short("Bootstrap", n, options.draws);
  for (const Regression& regression : table.regressions) {
    if (!regression.coefficients.empty())
      note_short(fmt::format("'{}'", regression.spec.label), regression.seeds, regression.spec.draws);
  }
  const bool few = std::any_of(table.claims.begin(), table.claims.end(),
                               [](const Claim& claim) { return claim.verdict == Verdict::too_few_seeds; });
  if (few) runs.note(fmt::format("A claim gets a verdict from {} seeds on.", least_seeds));
}

constexpr bool is_accuracy(Measure measure) {
  return !reads_items(measure) && measure != Measure::forgetting && measure != Measure::drop;
}

/// What one answer for everything would reach on the sets of which an accuracy is shown.
void note_answers(Runs& runs, const TableSpec& spec, std::span<const RunOutcome> outcomes) {
  const auto mean_of = [&](const std::string& set, const char* array) {
    double sum = 0;
    std::size_t facts = 0;
    for (const RunOutcome& run : outcomes) {
      const auto found = run.sets.find(set);
      if (found == run.sets.end() || !found->second.extra.contains(array)) continue;
      const std::vector<float>& is = found->second.extra.at(array);
      for (const float one : is) sum += static_cast<double>(one);
      facts += is.size();
    }
    return facts > 0 ? sum / static_cast<double>(facts) : nan;
  };
  std::set<std::string> told;
  std::vector<std::string> training, own;
  for (const ColumnSpec& column : spec.columns) {
    if (!is_accuracy(column.measure) || !told.insert(column.set).second) continue;
    for (const auto& [array, list] : {std::pair{commonest_in_training, &training}, {commonest_of_set, &own}}) {
      const double share = mean_of(column.set, array);
      if (!std::isnan(share)) list->push_back(fmt::format("{:.1f} % on '{}'", 100 * share, column.set));
    }
  }
  if (own.empty()) return;
  if (!training.empty())
    runs.note("Always the commonest answer of training would be right for " + join(training, ", ") + ".");
  runs.note("Always the commonest answer of the set itself: " + join(own, ", ") + ".");
}

std::optional<Cell> compute_cell(const std::string& arm, const ColumnSpec& column, Runs& runs,
                                 const BootstrapOptions& options) {
  Sample sample = runs.sample(arm, "", column.set, column.measure);
  if (sample.a.empty()) return std::nullopt;
  std::size_t facts = sample.a.front()->facts;
  for (const Trajectory* run : sample.a) facts = std::min<std::size_t>(facts, run->facts);
  return Cell{estimate_of(sample, column.measure, options), sample.a.size(), facts, std::move(sample.seeds)};
}

/// What a comparison and a claim have in common: their seeds, and the estimate.
template <class Result>
Sample estimate_into(Result& result, Estimate& estimate, Runs& runs, const BootstrapOptions& options) {
  const auto& spec = result.spec;
  Sample sample = runs.sample(spec.arm, spec.baseline, spec.set, spec.measure, spec.than);
  result.n = sample.a.size();
  result.seed_list = sample.seeds;
  estimate = estimate_of(sample, spec.measure, options);
  if (result.n > 0 && !spec.baseline.empty()) result.by_base = sample.by_base(estimate.per_seed);
  return sample;
}

Comparison compute_comparison(const ComparisonSpec& spec, Runs& runs, const BootstrapOptions& options) {
  Comparison result;
  result.spec = spec;
  const Sample sample = estimate_into(result, result.difference, runs, options);
  const std::string name = fmt::format("'{}' against '{}' on '{}'", spec.arm, spec.baseline, spec.set);
  note_disagreement(runs, name, result.by_base);
  result.test = sign_flip_test(result.difference.per_seed);
  result.d_z = effect_size(result.difference.per_seed, options.confidence);
  if (!spec.than.named()) result.odds = paired_odds_ratio(sample.a, sample.b, spec.measure, options.confidence);
  if (result.n == 0) {
    runs.note(fmt::format("{}: no seed has {}; it counts as p = 1 in Holm's correction.", name,
                          sample.undefined.empty() ? "both" : "a value in both"));
  }
  return result;
}

Claim compute_claim(const ClaimSpec& spec, Runs& runs, const BootstrapOptions& options) {
  Claim result;
  result.spec = spec;
  static_cast<void>(estimate_into(result, result.estimate, runs, options));
  const bool equivalent = spec.direction == Direction::equivalent;
  if (!equivalent) note_disagreement(runs, fmt::format("Claim '{}'", spec.text), result.by_base);
  result.verdict = judge(spec, result.estimate.low, result.estimate.high, result.n);
  if (equivalent && spec.margin > 0)
    result.p_equivalent = equivalence_test(result.estimate.per_seed, spec.margin).p_value;
  if (result.n == 0) runs.note(fmt::format("Claim '{}': no finished run can decide it.", spec.text));
  return result;
}

}  // namespace

Table compute_table(const TableSpec& declared, std::span<const RunOutcome> outcomes) {
  for (const ClaimSpec& claim : declared.claims) check_claim(claim);
  Table table;
  table.spec = with_accuracies(declared);
  const TableSpec& spec = table.spec;
  Runs runs(outcomes);

  runs.note_missing(arms_of(spec));

  std::set<std::size_t> seeds;  // numbers of seeds that estimates are over
  for (const auto& [name, label] : spec.arms) {
    auto& row = table.cells.emplace_back();
    for (const ColumnSpec& column : spec.columns) {
      row.push_back(compute_cell(name, column, runs, spec.bootstrap));
      if (row.back()) seeds.insert(row.back()->seeds);
    }
  }
  const auto compute_all = [&](const auto& specs, auto& results, const auto& compute) {
    for (const auto& one : specs) {
      results.push_back(compute(one, runs, spec.bootstrap));
      seeds.insert(results.back().seed_list.size());
    }
  };
  compute_all(spec.comparisons, table.comparisons, compute_comparison);
  compute_all(spec.claims, table.claims, compute_claim);
  compute_all(spec.matched, table.matched, compute_matched);
  compute_all(spec.fronts, table.fronts, compute_front);
  compute_all(spec.shares, table.shares, compute_share);
  for (const RegressionSpec& regression : spec.regressions) {
    table.regressions.push_back(compute_regression(regression, runs, spec.bootstrap));
  }

  note_answers(runs, spec, outcomes);
  note_intervals(runs, table, std::move(seeds));
  adjust(table, runs);
  table.notes = std::move(runs.notes);
  return table;
}

}  // namespace stet::report
