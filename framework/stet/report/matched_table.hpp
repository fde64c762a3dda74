// The matched comparisons of a table: declarations and results. The arithmetic is matched.hpp.
#pragma once

#include <stet/report/matched.hpp>
#include <stet/statistics/effect_size.hpp>
#include <stet/statistics/sign_flip.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stet::report {

class Runs;

/// arm - baseline in `measure` on `set`, where both have the same accuracy on `at` (see matched_difference).
struct MatchedSpec {
  std::string label, arm, baseline, set;
  Measure measure = Measure::forgetting;  ///< final_accuracy, forgetting or drop
  std::string at;
  std::optional<double> accuracy;   ///< none: the baseline's own final accuracy of the seed
  std::vector<std::string> family;  ///< arms of one sweep, or empty: the arm alone, along its own trajectory
};

struct Matched {
  MatchedSpec spec;
  Estimate difference;
  PermutationTest test;
  double p_holm = 1;  ///< in one family with the comparisons of the table
  EffectSize d_z;
  std::size_t pairs = 0;                 ///< seeds at which all the arms have runs
  std::vector<std::uint64_t> seed_list;  ///< those of them at which both sides reach the accuracy
};

/// The area under the front of several arms.
struct FrontSpec {
  std::string label, set, at;
  std::vector<std::string> arms;
  bool whole = false;  ///< all evaluations, not only the last
};

struct Front {
  FrontSpec spec;
  Estimate area;
  std::vector<std::uint64_t> seed_list;
};

/// How much of the reference's gain over the baseline the arm has.
struct ShareSpec {
  std::string label, arm, reference, baseline, set;
  Measure measure = Measure::forgetting;
  std::string at;  ///< empty: values at the end of the runs
  std::optional<double> accuracy;
};

struct Share {
  ShareSpec spec;
  ShareResult result;
  std::size_t pairs = 0;
  std::vector<std::uint64_t> seed_list;
};

[[nodiscard]] Matched compute_matched(const MatchedSpec& spec, Runs& runs, const BootstrapOptions& options);
[[nodiscard]] Front compute_front(const FrontSpec& spec, Runs& runs, const BootstrapOptions& options);
[[nodiscard]] Share compute_share(const ShareSpec& spec, Runs& runs, const BootstrapOptions& options);

/// "unknown at 90.0 %", "unknown as the baseline ends", "end of runs".
[[nodiscard]] std::string condition(const std::string& at, std::optional<double> accuracy);

}  // namespace stet::report
