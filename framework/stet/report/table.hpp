// A table that is declared before the runs, and its computation from their outcomes.
#pragma once

#include <stet/outcomes/bootstrap.hpp>
#include <stet/outcomes/measure.hpp>
#include <stet/outcomes/odds_ratio.hpp>
#include <stet/report/contrast.hpp>
#include <stet/report/matched_table.hpp>
#include <stet/report/regression_table.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>
#include <stet/statistics/effect_size.hpp>
#include <stet/statistics/equivalence.hpp>
#include <stet/statistics/mediation.hpp>
#include <stet/statistics/multiple_testing.hpp>
#include <stet/statistics/regression.hpp>
#include <stet/statistics/sign_flip.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet::report {

struct ColumnSpec {
  std::string label, set;
  Measure measure = Measure::final_accuracy;
  bool percent = true;  ///< shown times 100
};

/// A tested contrast: paired difference arm - baseline, sign-flip p, d_z (effect_size) and the odds ratio of a right
/// answer; Holm over all comparisons and matched comparisons of the table.
struct ComparisonSpec {
  std::string arm, baseline, set;
  Measure measure = Measure::final_accuracy;
  Contrast than = {};  ///< subtracted, if it is named
};

enum class Direction { less, greater, equivalent };

/// A claim stated in advance, judged by the bootstrap interval of (arm - baseline), less that of `than` where it is
/// named. `margin` is a fraction (0.02 is two points), at least 0 where there is a baseline.
///   less:       holds if the whole interval is below -margin, fails if it is wholly above -margin, else undecided
///   greater:    mirrored: above / below +margin
///   equivalent: holds if the interval lies inside (-margin, margin), fails if wholly outside, else undecided
/// Below least_seeds seeds there is no verdict. Without a baseline, less and greater compare the interval of the arm's
/// own value with `margin` as the threshold; equivalent needs a baseline.
struct ClaimSpec {
  std::string text, arm, baseline, set;
  Measure measure = Measure::final_accuracy;
  Direction direction = Direction::less;
  double margin = 0;
  Contrast than = {};  ///< as in ComparisonSpec; needs a baseline
};

struct TableSpec {
  std::string title;
  std::vector<std::pair<std::string, std::string>> arms;  ///< name, label: the rows in their order
  std::vector<ColumnSpec> columns;
  std::vector<ComparisonSpec> comparisons;
  std::vector<ClaimSpec> claims;
  std::vector<MatchedSpec> matched;  ///< tested together with the comparisons: one Holm family
  std::vector<FrontSpec> fronts;
  std::vector<ShareSpec> shares;
  std::vector<RegressionSpec> regressions;
  BootstrapOptions bootstrap;
  bool certification = false;  ///< a results file ends with what the base models recall
};

struct Cell {
  Estimate estimate;
  std::size_t seeds = 0;
  std::size_t facts = 0;                 ///< of one run; the smallest number where runs differ
  std::vector<std::uint64_t> seed_list;  ///< [seeds], ascending: whose values estimate.per_seed holds
};

/// Where no seed has both arms (n = 0) the estimate and d_z are NaN and p is 1.
struct Comparison {
  ComparisonSpec spec;
  Estimate difference;
  PermutationTest test;
  double p_holm = 1;
  EffectSize d_z;
  std::optional<OddsRatio> odds;  ///< see paired_odds_ratio; none where the measure or the facts do not allow it
  std::size_t n = 0;              ///< seeds that both arms have
  std::vector<double> by_base;    ///< the difference on each base model, ascending; empty unless seeds share several
  std::vector<std::uint64_t> seed_list;  ///< [n], ascending
};

/// `too_few_seeds`: undecided for that reason, whatever the interval.
enum class Verdict { holds, fails, undecided, too_few_seeds };

struct CoefficientClaim {
  Direction direction = Direction::greater;  ///< than 0
  Verdict verdict = Verdict::undecided;
};

/// Of what RegressionSpec::raises and lowers claim: holds if the coefficient's whole interval is on the claimed side of
/// 0, fails if it is wholly on the other, else undecided; `seeds` are those of the regression, and below least_seeds
/// there is no verdict. Absent where nothing was claimed.
[[nodiscard]] std::optional<CoefficientClaim> claim_about(const RegressionSpec& spec, const Coefficient& coefficient,
                                                          std::size_t seeds);

struct Claim {
  ClaimSpec spec;
  Estimate estimate;  ///< of the difference, or of the value; NaN where n is 0
  Verdict verdict = Verdict::undecided;
  /// Of equivalence_test over the seeds, beside the rule by the interval; NaN for other directions or below two seeds.
  double p_equivalent = std::numeric_limits<double>::quiet_NaN();
  std::size_t n = 0;
  std::vector<double> by_base;           ///< as in Comparison
  std::vector<std::uint64_t> seed_list;  ///< [n], ascending
};

struct Table {
  TableSpec spec;
  std::vector<std::vector<std::optional<Cell>>>
      cells;  ///< [arm][column]; absent where no finished run has the set, or a value on it
  std::vector<Comparison> comparisons;
  std::vector<Claim> claims;
  std::vector<Matched> matched;
  std::vector<Front> fronts;
  std::vector<Share> shares;
  std::vector<Regression> regressions;
  std::vector<std::string> notes;  ///< what a reader must know: missing seeds, single seeds, unreachable p-values
};

/// A column of forgetting or drop whose set's final accuracy no column shows gets one before it (in the result's spec):
/// neither can be below 0, so that chance alone makes a small one, and it is read beside the accuracy.
///
/// Cells use every seed their arm has (and that recorded what the measure reads; else a note says so); comparisons and
/// claims with a baseline the seeds both arms have. A seed that some run has and an arm of the table lacks is named in
/// a note; so are seeds at which a measure has no value (may_be_undefined): they take no part in cells, comparisons and
/// claims. A comparison without any pair counts as p = 1 in Holm's family, so that adjusted p-values do not grow worse
/// when the missing runs arrive. Where several seeds share a base model, intervals and tests speak of new seeds on
/// these base models; what each of them says is in by_base, and a note names the comparisons whose sign they do not
/// agree on. Runs of arms that the table does not name are not used. Throws Error (data) for two runs with the same arm
/// and seed, or outcomes that are not consistent; Error (config) for a claim that cannot be judged (see ClaimSpec).
[[nodiscard]] Table compute_table(const TableSpec& spec, std::span<const RunOutcome> runs);

/// Whether the table states claims, about differences, values or coefficients.
[[nodiscard]] bool claims_anything(const TableSpec& spec);

/// The rule of ClaimSpec alone, for an interval over so many seeds.
[[nodiscard]] Verdict judge(const ClaimSpec& claim, double low, double high, std::size_t seeds);

[[nodiscard]] std::string_view name_of(Direction direction) noexcept;
[[nodiscard]] std::string_view name_of(Verdict verdict) noexcept;

}  // namespace stet::report
