#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/report/runs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace stet::report {

std::string list_of_seeds(std::span<const std::uint64_t> seeds) {
  std::vector<std::string> parts;
  for (const std::uint64_t seed : seeds) parts.push_back(fmt::format("{}", seed));
  return fmt::format("{} {}", seeds.size() == 1 ? "seed" : "seeds", join(parts, ", "));
}

std::vector<double> Sample::by_base(std::span<const double> per_seed) const {
  STET_ASSERT(per_seed.size() == bases.size());
  std::map<std::uint64_t, std::pair<double, std::size_t>> sums;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    sums[bases[i]].first += per_seed[i];
    ++sums[bases[i]].second;
  }
  if (sums.size() < 2 || sums.size() == bases.size()) return {};
  std::vector<double> means;
  means.reserve(sums.size());
  for (const auto& [base, sum] : sums) means.push_back(sum.first / static_cast<double>(sum.second));
  return means;
}

Runs::Runs(std::span<const RunOutcome> runs) {
  for (const RunOutcome& run : runs) {
    if (!by_arm_[run.arm].emplace(run.seed, &run).second) {
      throw Error(ErrorKind::data, fmt::format("two runs of arm '{}' with seed {}", run.arm, run.seed))
          .expected("one run for each arm and seed")
          .hint("remove one of the two result folders");
    }
  }
}

Sample Runs::sample(const std::string& arm, const std::string& baseline, const std::string& set,
                    std::optional<Measure> measure, const Contrast& than) {
  Sample sample;
  std::vector<std::uint64_t> apart, than_apart, both_apart;
  for (const auto& [seed, run] : of(arm)) {
    const Trajectory* a = find(*run, set, measure);
    if (a == nullptr) continue;
    const auto beside = [&, of_seed = seed](const std::string& other, const std::string& its_set) {
      const auto partner = of(other).find(of_seed);
      return partner == of(other).end() ? nullptr : find(*partner->second, its_set, measure);
    };
    const Trajectory* b = baseline.empty() ? nullptr : beside(baseline, set);
    if (!baseline.empty() && b == nullptr) continue;
    const Trajectory* than_a = than.named() ? beside(than.arm, than.set) : nullptr;
    const Trajectory* than_b = than.named() ? beside(than.baseline, than.set) : nullptr;
    if (than.named() && (than_a == nullptr || than_b == nullptr)) continue;
    const std::array sides{a, b, than_a, than_b};
    if (std::any_of(sides.begin(), sides.end(),
                    [&](const Trajectory* side) { return side != nullptr && !has_value(*side, measure); })) {
      sample.undefined.push_back(seed);
      continue;
    }
    if (than.named()) {
      if (!same_facts(*than_a, *than_b)) than_apart.push_back(seed);
      if (than.set == set && !same_facts(*a, *than_a)) both_apart.push_back(seed);  // of two sets everybody expects it
      sample.than_a.push_back(than_a);
      sample.than_b.push_back(than_b);
    }
    if (b != nullptr) {
      if (!same_facts(*a, *b)) apart.push_back(seed);
      sample.b.push_back(b);
    }
    sample.seeds.push_back(seed);
    sample.bases.push_back(run->base);
    sample.a.push_back(a);
  }
  const auto note_apart = [&](const std::vector<std::uint64_t>& seeds, const std::string& one, const std::string& other,
                              const std::string& its_set) {
    if (seeds.empty()) return;
    note(fmt::format("'{}' and '{}' have different facts in '{}' at {}: their facts are drawn apart.", one, other,
                     its_set, list_of_seeds(seeds)));
  };
  note_apart(apart, arm, baseline, set);
  note_apart(than_apart, than.arm, than.baseline, than.set);
  note_apart(both_apart, arm, than.arm, set);
  if (!sample.undefined.empty()) {
    note(fmt::format("{} on '{}': {} is n/a at {} ({}). {} of {} seeds are left out of what is said about it.",
                     baseline.empty() ? fmt::format("'{}'", arm) : fmt::format("'{}' against '{}'", arm, baseline), set,
                     name_of(*measure), list_of_seeds(sample.undefined),
                     *measure == Measure::auroc ? "all answers are right, or all are wrong"
                                                : "none of the facts was ever right, and 0/0 is no number",
                     sample.undefined.size(), sample.undefined.size() + sample.seeds.size()));
  }
  return sample;
}

JointSample Runs::joint_sample(std::span<const std::string> arms, const std::string& at, const std::string& set) {
  STET_ASSERT(!arms.empty());
  JointSample sample;
  for (const auto& [seed, first] : of(arms.front())) {
    SeedRuns runs;
    for (const std::string& arm : arms) {
      const auto run = of(arm).find(seed);
      if (run == of(arm).end()) break;
      const Trajectory* left = find(*run->second, at);
      const Trajectory* right = find(*run->second, set);
      if (left == nullptr || right == nullptr) break;
      runs.at.push_back(left);
      runs.set.push_back(right);
    }
    if (runs.at.size() != arms.size()) continue;
    sample.seeds.push_back(seed);
    sample.runs.push_back(std::move(runs));
  }
  return sample;
}

void Runs::note(const std::string& text) {
  if (noted_.insert(text).second) notes.push_back(text);
}

void Runs::note_missing(std::span<const std::string> arms) {
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
      note(fmt::format("Arm '{}' has no finished run for {}.", arm, list_of_seeds(missing)));
    }
  }
}

const Runs::BySeed& Runs::of(const std::string& arm) const {
  static const BySeed none;
  const auto found = by_arm_.find(arm);
  return found == by_arm_.end() ? none : found->second;
}

const Trajectory* Runs::find(const RunOutcome& run, const std::string& set, std::optional<Measure> measure) {
  const auto [name, array] = split_recorded_set(set, measure.value_or(Measure::final_accuracy));
  const auto found = run.sets.find(name);
  if (!array.empty() && found != run.sets.end()) {
    const Trajectory& whole = found->second;
    const auto values = whole.extra.find(array);
    if (values == whole.extra.end()) {
      note(fmt::format("Arm '{}', seed {}: no '{}' was recorded on '{}'.", run.arm, run.seed, array, found->first));
      return nullptr;
    }
    Trajectory& made = recorded_[{&whole, array}];
    if (made.facts == 0) {
      made = whole;
      made.extra = {{recorded_array, values->second}};
      check(made, fmt::format("arm '{}', seed {}, set '{}'", run.arm, run.seed, set));
    }
    return &made;
  }
  if (found == run.sets.end()) {
    note(fmt::format("Arm '{}', seed {}: the run has no outcomes on '{}'.", run.arm, run.seed, set));
    return nullptr;
  }
  if (checked_.insert(&found->second).second) {
    check(found->second, fmt::format("arm '{}', seed {}, set '{}'", run.arm, run.seed, set));
  }
  if (measure == Measure::early_stop_accuracy) return stopped_early(run, set);
  if (measure) {
    const std::string missing = missing_array(found->second, *measure);
    if (!missing.empty()) {
      note(fmt::format("Arm '{}', seed {}: no '{}' was recorded on '{}', so '{}' cannot be computed.", run.arm,
                       run.seed, missing, set, name_of(*measure)));
      return nullptr;
    }
  }
  return &found->second;
}

bool Runs::has_value(const Trajectory& trajectory, std::optional<Measure> which) {
  if (!which || !may_be_undefined(*which)) return true;
  const auto [place, fresh] = has_value_.try_emplace({&trajectory, *which}, true);
  if (fresh) place->second = !std::isnan(measure(trajectory, *which));
  return place->second;
}

const Trajectory* Runs::stopped_early(const RunOutcome& run, const std::string& set) {
  const Trajectory& whole = run.sets.at(set);
  const Trajectory* validation = find(run, validation_set);
  if (validation == nullptr) return nullptr;
  if (validation->evaluations != whole.evaluations) {
    note(fmt::format("Arm '{}', seed {}: '{}' has {} evaluations and '{}' {}: no early stop can be read from it.",
                     run.arm, run.seed, validation_set, validation->evaluations, set, whole.evaluations));
    return nullptr;
  }
  return &stopped_.try_emplace(&whole, until_best(whole, *validation)).first->second;
}

}  // namespace stet::report
