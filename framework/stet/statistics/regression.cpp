#include <stet/base/error.hpp>
#include <stet/statistics/dense.hpp>
#include <stet/statistics/regression.hpp>

#include <algorithm>
#include <cmath>

namespace stet::report {

namespace {

void check_sizes(const RegressionData& data, std::span<const double> weights) {
  STET_ASSERT(data.x.size() == data.rows * data.covariates && data.y.size() == data.rows);
  STET_ASSERT(data.group.size() == data.rows && (weights.empty() || weights.size() == data.rows));
}

/// Normal equations of covariates and intercepts. An intercept meets no other intercept, so they are eliminated one by
/// one (Schur complement) and only [covariates, covariates] is factored.
class NormalEquations {
 public:
  NormalEquations(std::size_t covariates, std::size_t groups)
      : p_(covariates), a_(p_ * p_), c_(groups * p_), d_(groups), right_(p_), right_group_(groups) {}

  /// Adds curvature * (1, x)(1, x)^T and slope * (1, x).
  void add(const double* x, std::uint32_t group, double curvature, double slope) {
    double* c = &c_[group * p_];
    for (std::size_t i = 0; i < p_; ++i) {
      const double scaled = curvature * x[i];
      c[i] += scaled;
      right_[i] += slope * x[i];
      double* row = &a_[i * p_];
      for (std::size_t j = 0; j <= i; ++j) row[j] += scaled * x[j];
    }
    d_[group] += curvature;
    right_group_[group] += slope;
  }
  /// A penalty of ridge/2 |b - 0|^2 at the present b and intercepts.
  void add_penalty(double ridge, std::span<const double> b, std::span<const double> intercepts) {
    for (std::size_t i = 0; i < p_; ++i) {
      a_[i * p_ + i] += ridge;
      right_[i] -= ridge * b[i];
    }
    for (std::size_t g = 0; g < d_.size(); ++g) {
      d_[g] += intercept_ridge;
      right_group_[g] -= intercept_ridge * intercepts[g];
    }
  }
  /// Solves into `b` and `intercepts`; `variances`: diagonal of the inverse for the covariates.
  void solve(std::vector<double>& b, std::vector<double>& intercepts, std::vector<double>* variances) {
    for (std::size_t g = 0; g < d_.size(); ++g) {
      const double* c = &c_[g * p_];
      for (std::size_t i = 0; i < p_; ++i) {
        const double scaled = c[i] / d_[g];
        right_[i] -= scaled * right_group_[g];
        for (std::size_t j = 0; j <= i; ++j) a_[i * p_ + j] -= scaled * c[j];
      }
    }
    const Cholesky factor(a_, p_);
    b = factor.solve(right_);
    if (variances != nullptr) *variances = factor.inverse_diagonal();
    intercepts.resize(d_.size());
    for (std::size_t g = 0; g < d_.size(); ++g) {
      double sum = right_group_[g];
      for (std::size_t i = 0; i < p_; ++i) sum -= c_[g * p_ + i] * b[i];
      intercepts[g] = sum / d_[g];
    }
  }

 private:
  std::size_t p_;
  std::vector<double> a_, c_, d_, right_, right_group_;
};

double score_of(const RegressionData& data, std::size_t row, std::span<const double> b) {
  double score = 0;
  const double* x = data.x.data() + row * data.covariates;
  for (std::size_t i = 0; i < data.covariates; ++i) score += x[i] * b[i];
  return score;
}

/// y log p + (1 - y) log(1 - p) for p = logistic(score), without overflow.
double log_probability(double y, double score) {
  const double signed_score = y > 0.5 ? score : -score;
  return signed_score > 0 ? -std::log1p(std::exp(-signed_score)) : signed_score - std::log1p(std::exp(signed_score));
}

double penalty_of(const RegressionFit& fit, double ridge) {
  double sum = 0;
  for (const double b : fit.coefficients) sum += ridge * b * b;
  for (const double a : fit.intercepts) sum += intercept_ridge * a * a;
  return sum / 2;
}

double likelihood_of(const RegressionData& data, std::span<const double> weights, const RegressionFit& fit) {
  double sum = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double weight = weights.empty() ? 1.0 : weights[row];
    if (weight == 0) continue;
    sum +=
        weight * log_probability(data.y[row], fit.intercepts[data.group[row]] + score_of(data, row, fit.coefficients));
  }
  return sum;
}

}  // namespace

RegressionFit fit_logistic(const RegressionData& data, double ridge, std::span<const double> weights,
                           const RegressionFit* start) {
  check_sizes(data, weights);
  STET_ASSERT(ridge >= 0);
  RegressionFit fit;
  fit.coefficients.resize(data.covariates);
  fit.intercepts.resize(data.groups);
  if (start != nullptr) {
    STET_ASSERT(start->coefficients.size() == data.covariates && start->intercepts.size() == data.groups);
    fit.coefficients = start->coefficients;
    fit.intercepts = start->intercepts;
  }
  std::vector<double> step, intercept_step, variances;
  fit.log_likelihood = likelihood_of(data, weights, fit);
  double objective = fit.log_likelihood - penalty_of(fit, ridge);
  for (fit.iterations = 0; fit.iterations < 100 && !fit.converged; ++fit.iterations) {
    NormalEquations equations(data.covariates, data.groups);
    for (std::size_t row = 0; row < data.rows; ++row) {
      const double weight = weights.empty() ? 1.0 : weights[row];
      if (weight == 0) continue;
      const double score = fit.intercepts[data.group[row]] + score_of(data, row, fit.coefficients);
      const double p = 1 / (1 + std::exp(-score));
      equations.add(data.x.data() + row * data.covariates, data.group[row], weight * p * (1 - p),
                    weight * (data.y[row] - p));
    }
    equations.add_penalty(ridge, fit.coefficients, fit.intercepts);
    equations.solve(step, intercept_step, &variances);
    double largest = 0;
    for (const double x : step) largest = std::max(largest, std::abs(x));
    for (const double x : intercept_step) largest = std::max(largest, std::abs(x));

    // Upwards for a concave objective, so that some fraction of it is accepted, but for rounding at the top.
    const RegressionFit before = fit;
    bool accepted = false;
    for (double scale = 1; scale > 1e-12 && !accepted; scale /= 2) {
      for (std::size_t i = 0; i < step.size(); ++i) fit.coefficients[i] = before.coefficients[i] + scale * step[i];
      for (std::size_t g = 0; g < intercept_step.size(); ++g) {
        fit.intercepts[g] = before.intercepts[g] + scale * intercept_step[g];
      }
      fit.log_likelihood = likelihood_of(data, weights, fit);
      const double now = fit.log_likelihood - penalty_of(fit, ridge);
      accepted = now >= objective - 1e-9 * (1 + std::abs(objective));
      if (accepted) objective = now;
    }
    if (!accepted) {
      fit.coefficients = before.coefficients;
      fit.intercepts = before.intercepts;
      fit.log_likelihood = before.log_likelihood;
      break;
    }
    fit.converged = largest < 1e-8;
  }
  fit.standard_errors = std::move(variances);
  for (double& x : fit.standard_errors) x = std::sqrt(x);
  return fit;
}

RegressionFit fit_linear(const RegressionData& data, double ridge, std::span<const double> weights) {
  check_sizes(data, weights);
  STET_ASSERT(ridge >= 0);
  NormalEquations equations(data.covariates, data.groups);
  double total = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double weight = weights.empty() ? 1.0 : weights[row];
    if (weight == 0) continue;
    total += weight;
    equations.add(data.x.data() + row * data.covariates, data.group[row], weight, weight * data.y[row]);
  }
  RegressionFit fit;
  const std::vector<double> zero(data.covariates), zero_groups(data.groups);
  equations.add_penalty(ridge, zero, zero_groups);
  equations.solve(fit.coefficients, fit.intercepts, &fit.standard_errors);
  double squares = 0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double residual = data.y[row] - fit.intercepts[data.group[row]] - score_of(data, row, fit.coefficients);
    squares += (weights.empty() ? 1.0 : weights[row]) * residual * residual;
  }
  const double degrees = total - static_cast<double>(data.covariates) - data.groups;
  for (double& x : fit.standard_errors) x = degrees > 0 ? std::sqrt(x * squares / degrees) : std::nan("");
  fit.iterations = 1;
  fit.converged = true;
  return fit;
}

}  // namespace stet::report
