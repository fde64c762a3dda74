#include <stet/schedule/plan_status.hpp>

#include <optional>

namespace stet {

PlanStatus status_of(const Plan& plan, const Workspace& workspace, const std::string& session) {
  PlanStatus status;
  for (const PlannedTask& task : workspace.tasks(plan)) {
    const bool finished = task::finished(task.folder);
    if (task.kind == PlannedTask::Kind::base) ++status.bases, status.bases_finished += finished ? 1 : 0;
    if (task.kind == PlannedTask::Kind::run) ++status.runs, status.runs_finished += finished ? 1 : 0;
    if (finished) continue;
    if (const std::optional<task::Failure> failure = task::failure(task.folder, session)) {
      ++status.failed;
      status.failures.push_back(task.name + ": " + failure->message);
      if (status.first_error == 0) status.first_error = failure->exit_code;
    }
  }
  return status;
}

}  // namespace stet
