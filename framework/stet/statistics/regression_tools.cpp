// What surrounds a fit: choosing rows and covariates, variance inflation, comparison of models.
#include <stet/base/error.hpp>
#include <stet/statistics/area_under_roc.hpp>
#include <stet/statistics/dense.hpp>
#include <stet/statistics/regression.hpp>

#include <algorithm>
#include <cmath>

namespace stet::report {

RegressionData with_covariates(const RegressionData& data, std::span<const std::size_t> which) {
  RegressionData result = data;
  result.covariates = which.size();
  result.x.clear();
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (const std::size_t i : which) {
      STET_ASSERT(i < data.covariates);
      result.x.push_back(data.x[row * data.covariates + i]);
    }
  }
  return result;
}

RegressionData with_rows(const RegressionData& data, std::span<const std::uint8_t> keep) {
  STET_ASSERT(keep.size() == data.rows);
  RegressionData result;
  result.covariates = data.covariates;
  result.groups = data.groups;
  result.clusters = data.clusters;
  for (std::size_t row = 0; row < data.rows; ++row) {
    if (keep[row] == 0) continue;
    const auto begin = data.x.begin() + static_cast<std::ptrdiff_t>(row * data.covariates);
    result.x.insert(result.x.end(), begin, begin + static_cast<std::ptrdiff_t>(data.covariates));
    result.y.push_back(data.y[row]);
    result.group.push_back(data.group[row]);
    if (!data.cluster.empty()) result.cluster.push_back(data.cluster[row]);
    ++result.rows;
  }
  return result;
}

std::vector<std::size_t> standardize(RegressionData& data) {
  std::vector<std::size_t> constant;
  const std::size_t p = data.covariates;
  const auto n = static_cast<double>(data.rows);
  for (std::size_t i = 0; i < p; ++i) {
    double mean = 0, largest = 0, squares = 0;
    for (std::size_t row = 0; row < data.rows; ++row) {
      mean += data.x[row * p + i] / n;
      largest = std::max(largest, std::abs(data.x[row * p + i]));
    }
    for (std::size_t row = 0; row < data.rows; ++row) squares += std::pow(data.x[row * p + i] - mean, 2) / n;
    const double deviation = std::sqrt(squares);
    const bool spread = deviation > 1e-9 * largest;
    if (!spread) constant.push_back(i);
    for (std::size_t row = 0; row < data.rows; ++row) {
      double& x = data.x[row * p + i];
      x = spread ? (x - mean) / deviation : 0.0;
    }
  }
  return constant;
}

std::vector<double> variance_inflation(const RegressionData& data) {
  const std::size_t p = data.covariates;
  std::vector<double> means(data.groups * p), sizes(data.groups);
  for (std::size_t row = 0; row < data.rows; ++row) {
    sizes[data.group[row]] += 1;
    for (std::size_t i = 0; i < p; ++i) means[data.group[row] * p + i] += data.x[row * p + i];
  }
  // The total spread, and the spread that the intercepts leave.
  std::vector<double> within(p * p), total(p), grand(p);
  for (std::size_t row = 0; row < data.rows; ++row) {
    for (std::size_t i = 0; i < p; ++i) grand[i] += data.x[row * p + i] / static_cast<double>(data.rows);
  }
  for (std::size_t row = 0; row < data.rows; ++row) {
    const std::size_t g = data.group[row];
    const auto centred = [&](std::size_t i) { return data.x[row * p + i] - means[g * p + i] / sizes[g]; };
    for (std::size_t i = 0; i < p; ++i) {
      total[i] += std::pow(data.x[row * p + i] - grand[i], 2);
      for (std::size_t j = 0; j < p; ++j) within[i * p + j] += centred(i) * centred(j);
    }
  }
  std::vector<double> inflation(p, std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < p; ++i) {
    std::vector<double> others, right;
    for (std::size_t j = 0; j < p; ++j) {
      if (j == i) continue;
      right.push_back(within[j * p + i]);
      for (std::size_t k = 0; k < p; ++k) {
        if (k != i) others.push_back(within[j * p + k]);
      }
    }
    const std::vector<double> b = Cholesky(others, p - 1).solve(right);
    double left_over = within[i * p + i];
    for (std::size_t j = 0; j < b.size(); ++j) left_over -= b[j] * right[j];
    if (left_over > 1e-10 * total[i]) inflation[i] = total[i] / left_over;
  }
  return inflation;
}

double mcfadden_r2(double log_likelihood, double intercepts_only) {
  return intercepts_only == 0 ? 0.0 : 1 - log_likelihood / intercepts_only;
}

double leave_one_group_out_auc(const RegressionData& data, double ridge) {
  double sum = 0;
  int used = 0;
  if (data.groups > 1) {
    for (std::uint32_t g = 0; g < data.groups; ++g) {
      std::vector<std::uint8_t> keep(data.rows);
      for (std::size_t row = 0; row < data.rows; ++row) keep[row] = data.group[row] != g;
      const RegressionFit fit = fit_logistic(with_rows(data, keep), ridge);
      std::vector<double> scores;
      std::vector<std::uint8_t> labels;
      for (std::size_t row = 0; row < data.rows; ++row) {
        if (data.group[row] != g) continue;
        double score = 0;
        for (std::size_t i = 0; i < data.covariates; ++i) {
          score += data.x[row * data.covariates + i] * fit.coefficients[i];
        }
        scores.push_back(score);
        labels.push_back(data.y[row] > 0.5);
      }
      const double area = area_under_roc(scores, labels);
      if (std::isnan(area)) continue;
      sum += area;
      ++used;
    }
  }
  return used == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / used;
}

}  // namespace stet::report
