#include <stet/report/regression_table.hpp>
#include <stet/report/runs.hpp>
#include <stet/statistics/cluster_bootstrap.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace stet::report {

namespace {

/// [facts] of one evaluation, or the array itself if it has one value a fact; empty if it was not recorded.
std::span<const float> row_of(const Trajectory& run, const std::string& name, std::uint32_t evaluation) {
  const auto found = run.extra.find(name);
  if (found == run.extra.end() && name != "probability") return {};
  const std::vector<float>& values = found != run.extra.end() ? found->second : run.probability;
  if (values.size() == run.facts) return values;
  if (values.empty()) return {};
  return std::span(values).subspan(std::size_t{evaluation} * run.facts, run.facts);
}

struct Rows {
  RegressionData data;  // covariates as recorded
  std::vector<double> mediator;
  std::vector<std::size_t> arm;  // [rows]
};

/// Gives groups and clusters their numbers, and collects rows.
class Collector {
 public:
  Collector(const RegressionSpec& spec, Runs& runs) : spec_(spec), runs_(runs) {
    names_ = spec.confounds;
    names_.insert(names_.end(), spec.interference.begin(), spec.interference.end());
    rows_.data.covariates = names_.size();
    for (std::size_t arm = 0; arm < spec.arms.size(); ++arm) {
      const Sample sample = runs.sample(spec.arms[arm], "", spec.set);
      for (std::size_t i = 0; i < sample.a.size(); ++i) add(arm, sample.seeds[i], *sample.a[i]);
    }
    rows_.data.groups = static_cast<std::uint32_t>(groups_.size());
    rows_.data.clusters = static_cast<std::uint32_t>(clusters_.size());
    if (not_finite_ > 0) {
      runs.note(fmt::format("'{}': {} facts of runs are left out, since a covariate of theirs is not a finite number.",
                            spec.label, not_finite_));
    }
  }

  Rows rows() && { return std::move(rows_); }

 private:
  void add(std::size_t arm, std::uint64_t seed, const Trajectory& run) {
    std::vector<std::span<const float>> columns;
    for (const std::string& name : names_) columns.push_back(row_of(run, name, run.first));
    if (!spec_.mediator.empty()) columns.push_back(row_of(run, spec_.mediator, run.evaluations - 1));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!columns[i].empty()) continue;
      runs_.note(fmt::format("'{}': arm '{}', seed {} has no '{}' on '{}'; the run is left out of the regression.",
                             spec_.label, spec_.arms[arm], seed, i < names_.size() ? names_[i] : spec_.mediator,
                             spec_.set));
      return;
    }
    const std::size_t last = std::size_t{run.evaluations - 1} * run.facts;
    for (std::size_t fact = 0; fact < run.facts; ++fact) {
      if (run.correct[std::size_t{run.first} * run.facts + fact] == 0) continue;
      if (std::any_of(columns.begin(), columns.end(), [&](auto column) { return !std::isfinite(column[fact]); })) {
        ++not_finite_;
        continue;
      }
      RegressionData& data = rows_.data;
      for (std::size_t i = 0; i < names_.size(); ++i) data.x.push_back(columns[i][fact]);
      if (!spec_.mediator.empty()) rows_.mediator.push_back(columns.back()[fact]);
      data.y.push_back(run.correct[last + fact] == 0 ? 1.0 : 0.0);
      data.group.push_back(groups_.emplace(seed, static_cast<std::uint32_t>(groups_.size())).first->second);
      data.cluster.push_back(
          clusters_.emplace(run.fact_ids[fact], static_cast<std::uint32_t>(clusters_.size())).first->second);
      rows_.arm.push_back(arm);
      ++data.rows;
    }
  }

  const RegressionSpec& spec_;
  Runs& runs_;
  std::vector<std::string> names_;
  std::map<std::uint64_t, std::uint32_t> groups_, clusters_;
  std::size_t not_finite_ = 0;
  Rows rows_;
};

/// Standardized covariates and indicators of arms, with their names; what does not vary is left out with a note.
RegressionData design(const RegressionSpec& spec, Rows& rows, Runs& runs, std::vector<Coefficient>& coefficients) {
  RegressionData data = rows.data;
  const std::vector<std::size_t> constant = standardize(data);
  std::vector<std::size_t> kept;
  const auto name_at = [&](std::size_t i) {
    return i < spec.confounds.size() ? spec.confounds[i] : spec.interference[i - spec.confounds.size()];
  };
  for (std::size_t i = 0; i < data.covariates; ++i) {
    if (std::find(constant.begin(), constant.end(), i) != constant.end()) {
      runs.note(fmt::format("'{}': '{}' does not vary and is left out.", spec.label, name_at(i)));
      continue;
    }
    kept.push_back(i);
    coefficients.push_back({name_at(i), i < spec.confounds.size() ? "confound" : "interference", {}, 0});
  }
  data = with_covariates(data, kept);
  const std::set<std::size_t> present(rows.arm.begin(), rows.arm.end());
  if (!spec.arm_effects || present.size() < 2) return data;

  std::vector<Coefficient> named;
  for (auto arm = std::next(present.begin()); arm != present.end(); ++arm) {
    named.push_back({spec.arms[*arm], "arm", {}, 0});
  }
  std::vector<double> x;
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (auto arm = std::next(present.begin()); arm != present.end(); ++arm) x.push_back(rows.arm[row] == *arm);
    for (std::size_t i = 0; i < data.covariates; ++i) x.push_back(data.x[row * data.covariates + i]);
  }
  data.x = std::move(x);
  data.covariates += named.size();
  coefficients.insert(coefficients.begin(), named.begin(), named.end());
  return data;
}

}  // namespace

Regression compute_regression(const RegressionSpec& spec, Runs& runs, const BootstrapOptions& table_options) {
  Regression result;
  result.spec = spec;
  const BootstrapOptions options{spec.draws, table_options.seed, table_options.confidence};
  Rows rows = Collector(spec, runs).rows();
  result.rows = rows.data.rows;
  result.seeds = rows.data.groups;
  result.facts = rows.data.clusters;
  result.forgotten = static_cast<std::size_t>(std::accumulate(rows.data.y.begin(), rows.data.y.end(), 0.0));
  if (result.rows == 0) {
    runs.note(fmt::format("'{}' cannot be fitted: no finished run has facts for it.", spec.label));
    return result;
  }
  if (result.seeds < least_seeds) {
    runs.note(fmt::format("'{}': intervals over {} {} are not given; at least {} are needed.", spec.label, result.seeds,
                          result.seeds == 1 ? "seed" : "seeds", least_seeds));
  }
  std::vector<Coefficient> coefficients;
  const RegressionData data = design(spec, rows, runs, coefficients);
  if (std::min(result.forgotten, result.rows - result.forgotten) <= data.covariates || data.covariates == 0) {
    runs.note(fmt::format("'{}' cannot be fitted: {} of {} facts forgotten, {} covariates.", spec.label,
                          result.forgotten, result.rows, data.covariates));
    return result;
  }

  std::vector<std::size_t> before;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (coefficients[i].block != "interference") before.push_back(i);
  }
  const RegressionData smaller = with_covariates(data, before);
  const RegressionFit full = fit_logistic(data, spec.ridge);
  if (!full.converged)
    runs.note(
        fmt::format("'{}': the fit did not converge; its coefficients are not those of the best fit.", spec.label));
  const double likelihood_before = fit_logistic(smaller, spec.ridge).log_likelihood;
  const double likelihood_none = fit_logistic(with_covariates(data, {}), spec.ridge).log_likelihood;
  result.r2_before = mcfadden_r2(likelihood_before, likelihood_none);
  result.r2_after = mcfadden_r2(full.log_likelihood, likelihood_none);
  result.auc_before = leave_one_group_out_auc(smaller, spec.ridge);
  result.auc_after = leave_one_group_out_auc(data, spec.ridge);

  const std::vector<Estimate> estimates = bootstrap_coefficients(data, spec.ridge, full, options);
  const std::vector<double> inflation = variance_inflation(data);
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    coefficients[i].estimate = estimates[i];
    coefficients[i].inflation = inflation[i];
  }
  if (!spec.mediator.empty()) {
    RegressionData column;
    column.rows = data.rows;
    column.covariates = 1;
    column.x = rows.mediator;
    if (standardize(column).empty()) {
      for (std::size_t i = 0; i < coefficients.size(); ++i) {
        if (coefficients[i].block != "interference") continue;
        result.mediated.push_back({coefficients[i].name, mediation(data, i, column.x, spec.ridge, options)});
      }
    } else {
      runs.note(fmt::format("'{}': the mediator '{}' does not vary.", spec.label, spec.mediator));
    }
  }
  result.coefficients = std::move(coefficients);
  return result;
}

}  // namespace stet::report
