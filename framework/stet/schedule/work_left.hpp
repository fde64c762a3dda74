// What an experiment's tasks still take, and when so many workers are through with them: what `stet plan` says of costs
// that were measured before, and the display of those that tasks have had.
#pragma once

#include <span>
#include <vector>

namespace stet {

/// Seconds that are left of the tasks that stand on one base model: labels wait for the base, runs for both.
struct WorkLeft {
  double base = 0, labels = 0;  ///< 0: finished
  std::vector<double> runs;
};

/// All of it, on one worker.
[[nodiscard]] double total_seconds(std::span<const WorkLeft> by_base);
/// How long it takes `workers` (at least one) that take the tasks in order, each as soon as what it stands on is there:
/// no task can be divided.
[[nodiscard]] double elapsed_seconds(std::span<const WorkLeft> by_base, int workers);

}  // namespace stet
