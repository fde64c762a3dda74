// Stopping politely, and telling how far one is.
#pragma once

#include <functional>
#include <string>

namespace stet {

/// What runs report while they work. Called by rank 0 alone.
struct Progress {
  std::string task;               ///< "base 1", "sft seed 2"
  double fraction = 0;            ///< 0..1 of this task
  double tokens_per_second = 0;
  double seconds = 0;             ///< that the task has taken, of the wall, earlier sessions' included
  std::string identity;           ///< the task's; names of base models of several kinds are the same
};
using ProgressSink = std::function<void(const Progress&)>;

/// Thrown out of training after a checkpoint was written because a stop was asked for.
struct Stopped {};

/// Installs handlers for SIGTERM, SIGINT, SIGUSR1, SIGUSR2: they only set a flag, which training reads at step boundaries.
void install_stop_handlers();
[[nodiscard]] bool stop_requested() noexcept;
void request_stop() noexcept;

}  // namespace stet
