// The regression of a table: which properties of a fact go with its being forgotten, in terms of the runs' arrays.
#pragma once

#include <stet/statistics/mediation.hpp>
#include <stet/statistics/regression.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace stet::report {

class Runs;

/// What a regression explains. Only facts that were right at the first evaluation that counts can be forgotten.
enum class FactOutcome { forgotten };

/// One row for each fact of each run that was right at the first evaluation that counts; the outcome is whether it is
/// wrong at the last. Covariates are arrays of the outcomes file: "probability", or the name of an extra array; of
/// [E, N] arrays the first evaluation that counts is taken (of the mediator, the last one).
struct RegressionSpec {
  std::string label, set;
  FactOutcome outcome = FactOutcome::forgotten;
  std::vector<std::string> arms;
  std::vector<std::string> confounds, interference;
  std::string mediator;     ///< empty: none
  bool arm_effects = true;  ///< an indicator for each arm but the first, among the confounds
  double ridge = 1;         ///< on coefficients per standard deviation
  std::uint64_t draws = 1000;
  std::vector<std::string> raises,
      lowers;  ///< covariates claimed, in advance, to raise or lower the odds: a coefficient above or below 0
};

struct Coefficient {
  std::string name, block;  ///< block: "arm", "confound" or "interference"
  Estimate estimate;  ///< log-odds for a standard deviation (for an arm: against the first arm); no interval below
                      ///< least_seeds seeds
  double inflation = 0;
};

struct MediatedExposure {
  std::string name;
  Mediation paths;
};

struct Regression {
  RegressionSpec spec;
  std::size_t rows = 0, forgotten = 0, seeds = 0, facts = 0;
  std::vector<Coefficient> coefficients;   ///< empty where there were too few outcomes to fit
  double r2_before = 0, r2_after = 0;      ///< McFadden, without and with the interference block
  double auc_before = 0, auc_after = 0;    ///< leave one seed out; NaN with one seed
  std::vector<MediatedExposure> mediated;  ///< each covariate of the interference block
};

/// Runs that lack an array are left out with a note; so are facts whose value is not finite, and covariates that do not
/// vary. Intercepts of seeds are always in the model.
[[nodiscard]] Regression compute_regression(const RegressionSpec& spec, Runs& runs, const BootstrapOptions& options);

}  // namespace stet::report
