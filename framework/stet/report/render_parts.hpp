// Inside the report room: what all renderings share, before a format's own layout and escaping.
#pragma once

#include <stet/report/table.hpp>

#include <string>
#include <vector>

namespace stet::report {

/// Unescaped text. The first `text_columns` columns are words, the others numbers.
struct Grid {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::size_t text_columns = 1;
};

[[nodiscard]] std::string format_number(double value, bool percent);                ///< "56.1", "0.561", "n/a"
[[nodiscard]] std::string format_estimate(const Estimate& estimate, bool percent);  ///< "56.1 [52.0, 60.3]"
[[nodiscard]] std::string format_p(double p);                                       ///< "0.0078", "<0.0001"

[[nodiscard]] Grid cells_grid(const Table& table);
[[nodiscard]] Grid comparisons_grid(const Table& table);
[[nodiscard]] Grid claims_grid(const Table& table);
/// How the numbers came about, and how many facts each set has.
[[nodiscard]] std::string legend(const Table& table);
/// The same for the comparisons.
[[nodiscard]] std::string comparisons_legend(const Table& table);

}  // namespace stet::report
