// From finished runs to the table.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/report/table.hpp>
#include <stet/schedule/workspace.hpp>

namespace stet {

/// Reads the outcomes of all finished runs of the plan and computes the table. Start, peak and forgetting count from
/// the end of the phase before the last (the last evaluation that all arms share the meaning of), or from the first
/// evaluation if there is one phase. Throws Error (data) if a record cannot be read.
[[nodiscard]] report::Table compute_results(const Plan& plan, const Workspace& workspace);

/// Writes table.md, table.tex, table.csv, certification.md and plan.toml into the experiment's folder.
void write_results(const Plan& plan, const Workspace& workspace, const report::Table& table);

/// write_results(); where one may only read the folder, so that nothing can have been done in it, warns instead.
void keep_results(const Plan& plan, const Workspace& workspace, const report::Table& table);

}  // namespace stet
