// A computed table as text. Numbers of percent columns, and all differences, are shown times 100 with one decimal.
#pragma once

#include <stet/report/table.hpp>

#include <string>

namespace stet::report {

/// GitHub-flavoured Markdown: the cells as "56.1 [52.0, 60.3]", then comparisons, claims and notes.
[[nodiscard]] std::string to_markdown(const Table& table);

/// A LaTeX `table` float (booktabs), comparisons and claims as further tabulars; all text escaped.
[[nodiscard]] std::string to_latex(const Table& table);

/// RFC 4180 (CRLF), one rectangular table. The column `kind` is "cell" (one line for each arm and column, present or
/// not), "comparison", "claim" or "note". Numbers are fractions at full precision; per_seed and seed_list are separated
/// by ';'. What a kind does not have, or a run has not delivered, is empty.
[[nodiscard]] std::string to_csv(const Table& table);

/// Aligned plain text, at most 110 columns wide: columns that do not fit go on in a further block.
[[nodiscard]] std::string to_terminal(const Table& table);

}  // namespace stet::report
