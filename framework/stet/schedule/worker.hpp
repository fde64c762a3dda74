// Works on an experiment until nothing is left: trains bases and executes runs that no other process has claimed.
#pragma once

#include <stet/checkpoint/stopping.hpp>
#include <stet/plan/plan.hpp>
#include <stet/run/record/progress.hpp>
#include <stet/schedule/workspace.hpp>

#include <functional>
#include <string>

namespace stet {

struct WorkerResult {
  int finished = 0;  ///< tasks that this process completed
  int failed = 0;
  int first_error = 0;      ///< exit code of the first failure; 0: none
  bool stopped = false;     ///< asked to stop; the task under way left a checkpoint
  double busy_seconds = 0;  ///< spent in tasks
  double span_seconds =
      0;  ///< from the start to the end of the last task; what is not busy was spent waiting for others
};

struct WorkOptions {
  std::string session;              ///< tells this attempt from earlier ones, whose failures are tried again
  double hang_timeout = 600;        ///< seconds; see Watchdog. 0: never
  bool bases_only = false;          ///< train base models and label facts; leave the runs to others
  bool leave_when_claimed = false;  ///< come back when all that is left is in others' hands, instead of waiting for it
  /// Ends this process's part in the work, with this exit code, where its group's ranks cannot come together any more.
  /// Must not return. Called on any thread, after the task was recorded as failed. Empty: the process ends at once.
  std::function<void(int exit_code)> leave = {};
  std::function<void()> while_waiting = {};  ///< called every so often while all that is left is in others' hands
};

/// Collective: all ranks of `communicator` work on one task at a time. Whatever goes wrong in a task is that task's
/// failure: it is recorded (failed.json) and reported, and the others go on; a task whose process died is tried once
/// more. Tasks of arms that went wrong before come last. Where the failure leaves ranks waiting for each other, or one
/// stays away for hang_timeout, WorkOptions::leave is called. `counter`, if not null, is shared with other groups that
/// work on the same plan: each first takes the tasks it draws, so that they do not all try the same ones; what is left
/// then (a run whose base was not ready, a dead process's run) goes to whoever claims it first.
[[nodiscard]] WorkerResult work_on(const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                                   Communicator& communicator, const WorkOptions& options, const ProgressSink& progress,
                                   SharedCounter* counter = nullptr);

}  // namespace stet
