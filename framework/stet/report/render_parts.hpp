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

[[nodiscard]] std::string format_number(double value, bool percent);  ///< "56.1", "0.561", "n/a"
[[nodiscard]] std::string format_estimate(const Estimate& estimate,
                                          bool percent);  ///< "56.1 [52.0, 60.3]", "56.1 [n/a]" without an interval
[[nodiscard]] std::string format_effect(const EffectSize& d_z);  ///< "-1.52 [-3.01, -0.40]", "inf", "n/a"
[[nodiscard]] std::string format_p(double p);                    ///< "0.0078", "<0.0001"

/// One part of a table: a grid, then what must be said about its numbers (may be empty). Parts stand in this order in
/// every rendering.
struct Part {
  Grid grid;
  std::string legend;
};
[[nodiscard]] std::vector<Part> parts_of(const Table& table);

// Names as a reader sees them.
[[nodiscard]] std::string label_of(const Table& table, const std::string& arm);
[[nodiscard]] std::string contrast(const Table& table, const std::string& arm, const std::string& baseline,
                                   const Contrast& than = {});
/// The column's label, where the table shows the same numbers; else "set, measure".
[[nodiscard]] std::string subject(const Table& table, const std::string& set, Measure measure);
/// "A", "A less B" where a second difference is of another set.
[[nodiscard]] std::string subject(const Table& table, const std::string& set, Measure measure, const Contrast& than);
[[nodiscard]] bool percent_of(const Table& table, const std::string& set, Measure measure);
[[nodiscard]] std::string confidence_of(const Table& table);  ///< "95 %"
[[nodiscard]] std::string effect_legend(const Table& table);  ///< what d_z and its interval are

// The parts of matched comparisons, fronts, shares and regressions.
[[nodiscard]] Part matched_part(const Table& table);
[[nodiscard]] Part fronts_part(const Table& table);
[[nodiscard]] Part shares_part(const Table& table);
[[nodiscard]] Part regression_part(const Table& table, const Regression& regression);
[[nodiscard]] Part mediation_part(const Table& table, const Regression& regression);

}  // namespace stet::report
