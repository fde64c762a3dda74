// Works on an experiment until nothing is left: trains bases and executes runs that no other process has claimed.
#pragma once

#include <stet/experiment/plan.hpp>
#include <stet/experiment/session_control.hpp>
#include <stet/experiment/workspace.hpp>

#include <string>

namespace stet {

struct WorkerResult {
  int finished = 0;      ///< tasks that this process completed
  int failed = 0;
  int first_error = 0;   ///< exit code of the first failure; 0: none
  bool stopped = false;  ///< asked to stop; the task under way left a checkpoint
  double busy_seconds = 0;  ///< spent in tasks
  double span_seconds = 0;  ///< from the start to the end of the last task; what is not busy was spent waiting for others
};

/// Collective: all ranks of `communicator` work on one task at a time. A failed run is reported and the others go on.
/// `session` tells this attempt from earlier ones, whose failures are tried again. `counter`, if not null, is shared with
/// other groups that work on the same plan: each first takes the tasks it draws, so that they do not all try the same ones;
/// what is left then (a run whose base was not ready, a dead process's run) goes to whoever claims it first.
[[nodiscard]] WorkerResult work_on(const Plan& plan, const Workspace& workspace, PluginRegistry& registry, Communicator& communicator,
                                   const std::string& session, const ProgressSink& progress, SharedCounter* counter = nullptr);

struct PlanStatus {
  int bases = 0, bases_finished = 0, runs = 0, runs_finished = 0, failed = 0;
  std::vector<std::string> failures;  ///< "arm seed: message"
};
[[nodiscard]] PlanStatus status_of(const Plan& plan, const Workspace& workspace, const std::string& session);

}  // namespace stet
