#include <stet/schedule/results.hpp>

#include <stet/base/fault.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/outcomes/outcomes_file.hpp>
#include <stet/report/render/render.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

namespace stet {

namespace {

/// Bits are the same on one kind of processor and libraries alone: a table from several says so. Tasks of an older stet
/// did not record theirs; they are no kind of their own.
void note_machines(const Plan& plan, const Workspace& workspace, report::Table& table) {
  struct Count {
    std::size_t runs = 0, others = 0;  // base models and labels
  };
  std::map<std::string, Count> kinds;
  std::size_t unknown = 0;
  for (const PlannedTask& task : workspace.tasks(plan)) {
    if (!task::finished(task.folder)) continue;
    const bool run = task.kind == PlannedTask::Kind::run;
    std::string machine;
    try {
      machine = task::record(task.folder).machine;
    } catch (const Error&) {
      if (run) throw;  // whoever reads an altered base says so; the table does not need it
    }
    if (machine.empty()) {
      ++unknown;
    } else {
      ++(run ? kinds[machine].runs : kinds[machine].others);
    }
  }
  if (kinds.size() < 2) return;
  std::vector<std::string> parts;
  for (const auto& [machine, count] : kinds) {
    parts.push_back(fmt::format("{} run{}{} on {}", count.runs, count.runs == 1 ? "" : "s",
                                count.others > 0 ? fmt::format(" and {} of the bases and labels", count.others) : "",
                                machine));
  }
  if (unknown > 0) parts.push_back(fmt::format("{} where was not recorded", unknown));
  table.notes.push_back(
      fmt::format("Made on {} kinds of processor and libraries, between which the last bits differ: {}.", kinds.size(),
                  join(parts, "; ")));
}

}  // namespace

report::Table compute_results(const Plan& plan, const Workspace& workspace) {
  std::vector<report::RunOutcome> outcomes;
  std::size_t missing = 0;
  for (const PlannedRun& run : plan.runs) {
    const std::filesystem::path folder = workspace.run_folder(run);
    if (!task::finished(folder)) {
      ++missing;
      continue;
    }
    const report::OutcomeRecord loaded = finished_outcomes(folder);
    const auto last = static_cast<std::int32_t>(run.config.phases.size()) - 1;
    report::RunOutcome outcome = report::to_run_outcome(loaded, last);
    outcome.base = static_cast<std::uint64_t>(plan.bases[run.base].index);
    // The last phase starts from the last evaluation of the one before.
    for (auto& [name, trajectory] : outcome.sets) {
      if (trajectory.first > 0) --trajectory.first;
    }
    outcomes.push_back(std::move(outcome));
  }
  report::Table table = report::compute_table(plan.table, outcomes);
  note_machines(plan, workspace, table);
  if (missing > 0)
    table.notes.push_back(
        fmt::format("{} of {} runs are not finished; `stet run` goes on with them.", missing, plan.runs.size()));
  return table;
}

void write_results(const Plan& plan, const Workspace& workspace, const report::Table& table) {
  // One writer at a time: the files belong together.
  const std::optional<FileLock> alone = FileLock::acquire_folder(workspace.folder());
  write_file_atomically(workspace.folder() / "table.md", report::to_markdown(table));
  write_file_atomically(workspace.folder() / "table.tex", report::to_latex(table));
  fault_point("report.table");
  write_file_atomically(workspace.folder() / "table.csv", report::to_csv(table));
  write_file_atomically(workspace.folder() / "plan.toml", config::to_toml(plan.document));
  std::string certification = "Table 0: what the base models recall (greedy exact match, %).\n";
  for (const PlannedTask& task : workspace.tasks(plan)) {
    if (task.kind == PlannedTask::Kind::run) continue;
    const bool labels = task.kind == PlannedTask::Kind::labels;
    const std::filesystem::path file = task.folder / (labels ? "slick.md" : "certification.md");
    if (!std::filesystem::exists(file)) continue;
    const PlannedBase& base = plan.bases[task.base];
    certification += fmt::format("\nBase model {} ({}){}\n\n{}", base.index + 1, base.identity.substr(0, 10),
                                 labels ? ", by SLiCK" : "", read_file(stays_within(task.folder, file)));
  }
  write_file_atomically(workspace.folder() / "certification.md", certification);
}

void keep_results(const Plan& plan, const Workspace& workspace, const report::Table& table) {
  try {
    write_results(plan, workspace, table);
  } catch (const Error& error) {
    if (::access(workspace.folder().c_str(), W_OK) == 0) throw;
    log::warning("the table is not written into {}: {}", workspace.folder().string(), error.message());
  }
}

}  // namespace stet
