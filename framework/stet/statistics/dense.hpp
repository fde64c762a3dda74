// The little linear algebra that a regression with a few dozen covariates needs. Not by Eigen: of columns that depend
// on each other its pivoting leaves out the smallest, and not the last, so results would be others.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace stet::report {

/// Cholesky factor of a symmetric matrix [n, n] (row-major; the lower triangle is read). A pivot below 1e-11
/// times its diagonal element marks a column that the ones before it determine: it is left out (its row and column of
/// the factor are 0, and its element of every solution is 0).
class Cholesky {
 public:
  Cholesky(std::span<const double> matrix, std::size_t n);

  [[nodiscard]] std::vector<double> solve(std::span<const double> right) const;
  /// Diagonal of the inverse; 0 at columns that were left out.
  [[nodiscard]] std::vector<double> inverse_diagonal() const;

 private:
  std::size_t n_;
  std::vector<double> factor_;  // [n, n], lower
};

}  // namespace stet::report
