// Correction for testing many hypotheses at once.
#pragma once

#include <span>
#include <vector>

namespace stet::report {

/// Holm's step-down adjusted p-values (Holm 1979): with p_(1) <= ... <= p_(m), adjusted p_(i) = max_{j<=i} of
/// min(1, (m - j + 1) p_(j)). In the order of the input. Each p-value must lie in [0, 1] (assertion).
[[nodiscard]] std::vector<double> holm(std::span<const double> p_values);

}  // namespace stet::report
