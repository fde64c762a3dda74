// A table as it goes into a repository: with the command, the commit, the machine and the cost that made it.
#pragma once

#include <stet/plan/plan.hpp>
#include <stet/report/table.hpp>
#include <stet/schedule/workspace.hpp>

#include <filesystem>

namespace stet {

/// Writes FOLDER/NAME.md (the table, the claims' verdicts, and under "Made by": command, commit of the experiment
/// file's repository, machine, runs, wall and processor time) and FOLDER/NAME.csv. The folder is made. Reads
/// finished.json of every run.
void publish_results(const std::filesystem::path& folder, const Plan& plan, const Workspace& workspace,
                     const report::Table& table);

}  // namespace stet
