#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/report/table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace stet::report {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double level = 0.05;  // what the notes on reachable p-values speak of

std::string list_of(std::span<const std::uint64_t> seeds) {
  std::vector<std::string> parts;
  for (const std::uint64_t seed : seeds) parts.push_back(fmt::format("{}", seed));
  return fmt::format("{} {}", seeds.size() == 1 ? "seed" : "seeds", join(parts, ", "));
}

/// Trajectories of the same seeds on one or two sides.
struct Sample {
  std::vector<std::uint64_t> seeds;
  std::vector<const Trajectory*> a, b;  // b stays empty without a baseline
};

/// The runs by arm and seed, and the notes that come up while they are looked up.
class Runs {
 public:
  explicit Runs(std::span<const RunOutcome> runs) {
    for (const RunOutcome& run : runs) {
      if (!by_arm_[run.arm].emplace(run.seed, &run).second) {
        throw Error(ErrorKind::data, fmt::format("two runs of arm '{}' with seed {}", run.arm, run.seed))
            .expected("one run for each arm and seed")
            .hint("remove one of the two result folders");
      }
    }
  }

  /// The seeds that have the set in `arm` and, if it is not empty, in `baseline`.
  [[nodiscard]] Sample sample(const std::string& arm, const std::string& baseline, const std::string& set) {
    Sample sample;
    for (const auto& [seed, run] : of(arm)) {
      const Trajectory* a = find(*run, set);
      if (a == nullptr) continue;
      if (!baseline.empty()) {
        const auto partner = of(baseline).find(seed);
        if (partner == of(baseline).end()) continue;
        const Trajectory* b = find(*partner->second, set);
        if (b == nullptr) continue;
        if (a->fact_ids != b->fact_ids || a->stratum != b->stratum) {
          note(fmt::format("'{}' and '{}' have different facts in '{}' at seed {}: their facts are drawn apart.", arm,
                           baseline, set, seed));
        }
        sample.b.push_back(b);
      }
      sample.seeds.push_back(seed);
      sample.a.push_back(a);
    }
    return sample;
  }

  void note(const std::string& text) {
    if (noted_.insert(text).second) notes.push_back(text);
  }

  /// Seeds that another of these arms has and one lacks.
  void note_missing(std::span<const std::string> arms) {
    std::set<std::uint64_t> all;
    for (const std::string& arm : arms) {
      for (const auto& [seed, run] : of(arm)) all.insert(seed);
    }
    for (const std::string& arm : arms) {
      std::vector<std::uint64_t> missing;
      for (const std::uint64_t seed : all) {
        if (!of(arm).contains(seed)) missing.push_back(seed);
      }
      if (of(arm).empty()) {
        note(fmt::format("Arm '{}' has no finished run.", arm));
      } else if (!missing.empty()) {
        note(fmt::format("Arm '{}' has no finished run for {}.", arm, list_of(missing)));
      }
    }
  }

  std::vector<std::string> notes;

 private:
  using BySeed = std::map<std::uint64_t, const RunOutcome*>;

  [[nodiscard]] const BySeed& of(const std::string& arm) const {
    static const BySeed none;
    const auto found = by_arm_.find(arm);
    return found == by_arm_.end() ? none : found->second;
  }

  const Trajectory* find(const RunOutcome& run, const std::string& set) {
    const auto found = run.sets.find(set);
    if (found == run.sets.end()) {
      note(fmt::format("Arm '{}', seed {}: the run has no outcomes on '{}'.", run.arm, run.seed, set));
      return nullptr;
    }
    if (checked_.insert(&found->second).second) {
      check(found->second, fmt::format("arm '{}', seed {}, set '{}'", run.arm, run.seed, set));
    }
    return &found->second;
  }

  std::map<std::string, BySeed> by_arm_;
  std::set<const Trajectory*> checked_;
  std::set<std::string> noted_;
};

Estimate estimate_of(const Sample& sample, Measure measure, const BootstrapOptions& options) {
  if (sample.a.empty()) return {nan, nan, nan, {}};
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
  const bool usable = paired ? claim.margin >= 0 && claim.margin <= 1 : claim.margin >= -1 && claim.margin <= 1;
  if (!usable) {  // NaN too
    throw Error(ErrorKind::config, fmt::format("claim '{}': a margin that no accuracy can meet", claim.text))
        .expected(paired ? "a fraction in [0, 1]; 0.02 is two points" : "a threshold in [-1, 1]; 0.5 is 50 %")
        .received(fmt::format("{}", claim.margin));
  }
}

/// What the number of seeds makes impossible, said before someone reads a large p as "no effect".
void note_reachable_p(Runs& runs, std::span<const Comparison> comparisons) {
  std::set<std::size_t> counts;
  double smallest = 1;
  for (const Comparison& comparison : comparisons) {
    counts.insert(comparison.n);
    smallest = std::min(smallest, smallest_sign_flip_p(comparison.n));
  }
  for (const std::size_t n : counts) {
    const double p = smallest_sign_flip_p(n);
    if (n > 0 && p > level) {
      runs.note(
          fmt::format("With {} {} the smallest attainable two-sided p is {:.4g}: such a comparison cannot reach "
                      "{}; at least 6 seeds are needed.",
                      n, n == 1 ? "seed" : "seeds", p, level));
    }
  }
  const auto family = static_cast<double>(comparisons.size());
  if (smallest <= level && smallest * family > level) {
    runs.note(fmt::format("Over {} comparisons the smallest attainable p after Holm is {:.4g}: none can reach {}.",
                          comparisons.size(), smallest * family, level));
  }
}

}  // namespace

std::string_view name_of(Direction direction) noexcept {
  switch (direction) {
    case Direction::less: return "less";
    case Direction::greater: return "greater";
    case Direction::equivalent: return "equivalent";
  }
  return "unknown";
}

std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::holds: return "holds";
    case Verdict::fails: return "fails";
    case Verdict::undecided: return "undecided";
  }
  return "unknown";
}

Verdict judge(const ClaimSpec& claim, double low, double high) {
  const bool paired = !claim.baseline.empty();
  const double margin = claim.margin;
  bool holds = false, fails = false;
  switch (claim.direction) {
    case Direction::less: {
      const double threshold = paired ? -margin : margin;
      holds = high < threshold;
      fails = low > threshold;
      break;
    }
    case Direction::greater:
      holds = low > margin;
      fails = high < margin;
      break;
    case Direction::equivalent:
      holds = low > -margin && high < margin;
      fails = high <= -margin || low >= margin;
      break;
  }
  // An interval that touches the threshold, or is NaN, decides nothing.
  return holds ? Verdict::holds : fails ? Verdict::fails : Verdict::undecided;
}

Table compute_table(const TableSpec& spec, std::span<const RunOutcome> outcomes) {
  for (const ClaimSpec& claim : spec.claims) check_claim(claim);
  Table table;
  table.spec = spec;
  Runs runs(outcomes);

  std::vector<std::string> arms;
  const auto mention = [&](const std::string& arm) {
    if (!arm.empty() && std::find(arms.begin(), arms.end(), arm) == arms.end()) arms.push_back(arm);
  };
  for (const auto& [name, label] : spec.arms) mention(name);
  for (const ComparisonSpec& comparison : spec.comparisons) mention(comparison.arm), mention(comparison.baseline);
  for (const ClaimSpec& claim : spec.claims) mention(claim.arm), mention(claim.baseline);
  runs.note_missing(arms);

  bool single = false;
  for (const auto& [name, label] : spec.arms) {
    auto& row = table.cells.emplace_back();
    for (const ColumnSpec& column : spec.columns) {
      auto& cell = row.emplace_back();
      Sample sample = runs.sample(name, "", column.set);
      if (sample.a.empty()) continue;
      single |= sample.a.size() == 1;
      std::size_t facts = sample.a.front()->facts;
      for (const Trajectory* run : sample.a) facts = std::min<std::size_t>(facts, run->facts);
      cell = Cell{estimate_of(sample, column.measure, spec.bootstrap), sample.a.size(), facts, std::move(sample.seeds)};
    }
  }

  std::vector<double> p_values;
  for (const ComparisonSpec& comparison : spec.comparisons) {
    Sample sample = runs.sample(comparison.arm, comparison.baseline, comparison.set);
    Comparison result;
    result.spec = comparison;
    result.n = sample.a.size();
    result.difference = estimate_of(sample, comparison.measure, spec.bootstrap);
    result.test = sign_flip_test(result.difference.per_seed);
    result.d_z = cohen_d_z(result.difference.per_seed);
    result.seed_list = std::move(sample.seeds);
    single |= result.n == 1;
    if (result.n == 0) {
      runs.note(fmt::format("'{}' against '{}' on '{}': no seed has both; it counts as p = 1 in Holm's correction.",
                            comparison.arm, comparison.baseline, comparison.set));
    }
    p_values.push_back(result.test.p_value);
    table.comparisons.push_back(std::move(result));
  }
  const std::vector<double> adjusted = holm(p_values);
  for (std::size_t i = 0; i < adjusted.size(); ++i) table.comparisons[i].p_holm = adjusted[i];

  for (const ClaimSpec& claim : spec.claims) {
    Sample sample = runs.sample(claim.arm, claim.baseline, claim.set);
    Claim result;
    result.spec = claim;
    result.n = sample.a.size();
    result.estimate = estimate_of(sample, claim.measure, spec.bootstrap);
    result.verdict = judge(claim, result.estimate.low, result.estimate.high);
    result.seed_list = std::move(sample.seeds);
    single |= result.n == 1;
    if (result.n == 0) runs.note(fmt::format("Claim '{}': no finished run can decide it.", claim.text));
    table.claims.push_back(std::move(result));
  }

  if (single) runs.note("An interval from one seed holds the sampling of facts only, not the spread over seeds.");
  note_reachable_p(runs, table.comparisons);
  table.notes = std::move(runs.notes);
  return table;
}

}  // namespace stet::report
