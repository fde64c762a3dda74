#include <stet/base/error.hpp>
#include <stet/statistics/dense.hpp>

#include <cmath>

namespace stet::report {

Cholesky::Cholesky(std::span<const double> matrix, std::size_t n) : n_(n), factor_(matrix.begin(), matrix.end()) {
  STET_ASSERT(matrix.size() == n * n);
  constexpr double tolerance = 1e-11;
  for (std::size_t j = 0; j < n; ++j) {
    double pivot = factor_[j * n + j];
    for (std::size_t k = 0; k < j; ++k) pivot -= factor_[j * n + k] * factor_[j * n + k];
    const bool kept = pivot > tolerance * std::abs(matrix[j * n + j]) && pivot > 0;
    const double diagonal = kept ? std::sqrt(pivot) : 0.0;
    factor_[j * n + j] = diagonal;
    for (std::size_t i = j + 1; i < n; ++i) {
      double sum = factor_[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= factor_[i * n + k] * factor_[j * n + k];
      factor_[i * n + j] = kept ? sum / diagonal : 0.0;
    }
    if (!kept) {
      for (std::size_t k = 0; k < j; ++k) factor_[j * n + k] = 0;
    }
  }
}

std::vector<double> Cholesky::solve(std::span<const double> right) const {
  STET_ASSERT(right.size() == n_);
  std::vector<double> x(right.begin(), right.end());
  for (std::size_t i = 0; i < n_; ++i) {
    if (factor_[i * n_ + i] == 0) {
      x[i] = 0;
      continue;
    }
    for (std::size_t k = 0; k < i; ++k) x[i] -= factor_[i * n_ + k] * x[k];
    x[i] /= factor_[i * n_ + i];
  }
  for (std::size_t i = n_; i-- > 0;) {
    if (factor_[i * n_ + i] == 0) continue;
    for (std::size_t k = i + 1; k < n_; ++k) x[i] -= factor_[k * n_ + i] * x[k];
    x[i] /= factor_[i * n_ + i];
  }
  return x;
}

std::vector<double> Cholesky::inverse_diagonal() const {
  std::vector<double> diagonal(n_), unit(n_);
  for (std::size_t i = 0; i < n_; ++i) {
    unit[i] = 1;
    diagonal[i] = solve(unit)[i];
    unit[i] = 0;
  }
  return diagonal;
}

}  // namespace stet::report
