// Stopping politely.
#pragma once

#include <stet/base/clock.hpp>
#include <stet/comm/communicator.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <string>

namespace stet {

/// Thrown out of training after a checkpoint was written because a stop was asked for.
struct Stopped {};

/// The signals that are heard: SIGTERM, SIGINT, SIGHUP and SIGUSR2 ask for a checkpoint and an end with exit code 75,
/// SIGUSR1 for a checkpoint alone.
inline constexpr std::array stop_signals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/// Installs handlers for them, which only set a flag that is read at step boundaries, and lets those through that the
/// launcher held back while the program was being loaded. What whoever started this process had told it to ignore
/// (nohup) stays ignored.
void install_stop_handlers();
/// STET_STOP_AT (seconds since 1970) asks for a stop by the clock: a batch job's end is known before it comes. Throws
/// Error (config) if it is no number.
void read_stop_time();
/// Only lets them through, with what they do by default.
void release_stop_signals() noexcept;
/// By a signal, by the clock, or by request_stop().
[[nodiscard]] bool stop_requested() noexcept;
void request_stop() noexcept;
/// What asked for the stop: "SIGTERM", "the clock (STET_STOP_AT)"; empty if nothing has.
[[nodiscard]] std::string stop_reason();
/// Whether a checkpoint was asked for since the last call.
[[nodiscard]] bool take_save_request() noexcept;

/// When to save and when to stop, agreed between the ranks. One rank looks at every step. Several exchange a message
/// for it, so they look so often that at most about `look_seconds` pass: at every step if steps are long, at the same
/// steps on all ranks.
class StepBoundary {
 public:
  static constexpr double look_seconds = 0.25;

  /// `interval`: seconds between checkpoints, by rank 0's clock.
  StepBoundary(Communicator& communicator, double interval) : communicator_(communicator), interval_(interval) {}

  struct Due {
    bool save = false;  ///< a checkpoint is due, or a stop was asked for
    bool stop = false;
    bool written = false;  ///< no rank writes any more
  };
  /// After each step. Collective. `writes`: this rank's part of a checkpoint is not on the disk yet.
  [[nodiscard]] Due look(bool writes = false);
  /// A checkpoint was written.
  void saved() noexcept { since_saved_.restart(); }

 private:
  Communicator& communicator_;
  double interval_;
  Stopwatch since_saved_, since_look_;
  std::int64_t steps_ = 0, next_ = 1;  // since the last look, and how many there shall be
};

}  // namespace stet
