// Inside the report room: the runs of a table by arm and seed, and the notes that come up while they are looked up.
#pragma once

#include <stet/outcomes/measure.hpp>
#include <stet/outcomes/outcomes.hpp>
#include <stet/report/contrast.hpp>
#include <stet/report/matched.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet::report {

/// Trajectories of the same seeds on one side, on two, or on four (two differences).
struct Sample {
  std::vector<std::uint64_t> seeds;               // ascending
  std::vector<std::uint64_t> bases;               // [seeds] base model of a
  std::vector<const Trajectory*> a, b;            // b stays empty without a baseline
  std::vector<const Trajectory*> than_a, than_b;  // stay empty unless a second difference is subtracted
  std::vector<std::uint64_t>
      undefined;  // seeds that have all sides but are left out, since the measure has no value on one of them

  /// The mean on each base model of these values, one a seed. Empty if all seeds share one, or each has its own: then
  /// there is nothing to tell beside the values themselves.
  [[nodiscard]] std::vector<double> by_base(std::span<const double> per_seed) const;
};

/// The seeds at which all of some arms have two sets.
struct JointSample {
  std::vector<std::uint64_t> seeds;  // ascending
  std::vector<SeedRuns> runs;        // [seeds]
};

class Runs {
 public:
  /// Throws Error (data) for two runs with the same arm and seed. The outcomes must outlive this.
  explicit Runs(std::span<const RunOutcome> runs);

  /// The seeds that have the set in `arm` and, if they are not empty, in `baseline` and both sides of `than`. With a
  /// measure: and what it reads, and for which it has a value (a note says for how many it has none). Error (data) if a
  /// trajectory is not consistent.
  [[nodiscard]] Sample sample(const std::string& arm, const std::string& baseline, const std::string& set,
                              std::optional<Measure> measure = std::nullopt, const Contrast& than = {});
  [[nodiscard]] JointSample joint_sample(std::span<const std::string> arms, const std::string& at,
                                         const std::string& set);

  /// Once, however often it comes up.
  void note(const std::string& text);
  /// Seeds that another of these arms has and one lacks.
  void note_missing(std::span<const std::string> arms);

  std::vector<std::string> notes;

 private:
  using BySeed = std::map<std::uint64_t, const RunOutcome*>;

  [[nodiscard]] const BySeed& of(const std::string& arm) const;
  const Trajectory* find(const RunOutcome& run, const std::string& set, std::optional<Measure> measure = std::nullopt);
  const Trajectory* stopped_early(const RunOutcome& run, const std::string& set);
  [[nodiscard]] bool has_value(const Trajectory& trajectory, std::optional<Measure> measure);

  std::map<std::string, BySeed> by_arm_;
  std::map<std::pair<const Trajectory*, std::string>, Trajectory> recorded_;  // by what they are made of, and the array
  std::map<const Trajectory*, Trajectory> stopped_;                           // by what they are the beginnings of
  std::map<std::pair<const Trajectory*, Measure>, bool> has_value_;           // of measures that may be undefined
  std::set<const Trajectory*> checked_;
  std::set<std::string> noted_;
};

/// "seed 1", "seeds 1, 3".
[[nodiscard]] std::string list_of_seeds(std::span<const std::uint64_t> seeds);

}  // namespace stet::report
