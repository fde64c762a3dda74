#include <stet/schedule/plan_status.hpp>

#include <optional>

namespace stet {

PlanStatus status_of(const Plan& plan, const Workspace& workspace, const std::string& session) {
  PlanStatus status;
  const auto look = [&](const std::filesystem::path& folder, const std::string& name, int& finished) {
    if (task::finished(folder)) {
      ++finished;
    } else if (const std::optional<task::Failure> failure = task::failure(folder, session)) {
      ++status.failed;
      status.failures.push_back(name + ": " + failure->message);
      if (status.first_error == 0) status.first_error = failure->exit_code;
    }
  };
  for (const PlannedBase& base : plan.bases) {
    ++status.bases;
    look(workspace.base_folder(base), task_name(base), status.bases_finished);
  }
  for (const PlannedLabels& labels : plan.labels) {
    int finished = 0;  // not part of what is counted
    look(workspace.labels_folder(labels, plan.bases[labels.base]), task_name(labels), finished);
  }
  for (const PlannedRun& run : plan.runs) {
    ++status.runs;
    look(workspace.run_folder(run), task_name(run), status.runs_finished);
  }
  return status;
}

}  // namespace stet
