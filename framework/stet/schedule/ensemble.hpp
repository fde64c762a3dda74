// The two levels of parallelism: the job's ranks form groups of `ranks_per_run`, and every group works on runs of its
// own.
#pragma once

#include <stet/schedule/worker.hpp>

#include <filesystem>

namespace stet {

struct EnsembleResult {
  int finished = 0, failed = 0;  ///< tasks, over all groups
  int first_error = 0;           ///< exit code of a failure, of the lowest group that had one; 0: none
  bool stopped = false;          ///< some group was asked to stop and left a checkpoint
  /// Share of the time between a group's start and the end of its last task in which it worked on a task, over all
  /// groups.
  double busy = 1;
};

/// Number of groups. `ranks_per_run` 0: all ranks together. Throws Error (config) if it does not divide the number of
/// ranks: a smaller last group would sum its gradients in another order.
[[nodiscard]] int group_count(int ranks, std::int64_t ranks_per_run);

/// Collective over `world`. Groups draw tasks from a shared counter, then take what is left, also from other jobs on
/// the same folder that died. A failed run is its group's alone. A group whose ranks lose each other is out: the others
/// go on, and when they have no more to do the job ends (Communicator::abort) with the exit code of that group's error;
/// the same command finishes what is left. `board`: a folder of this job alone that all ranks see, where groups say
/// that they are through. `options.leave` is not used. `progress` is called on the first rank of each group.
[[nodiscard]] EnsembleResult work_in_groups(const Plan& plan, const Workspace& workspace, PluginRegistry& registry,
                                            Communicator& world, std::int64_t ranks_per_run,
                                            const std::filesystem::path& board, WorkOptions options,
                                            const ProgressSink& progress);

}  // namespace stet
