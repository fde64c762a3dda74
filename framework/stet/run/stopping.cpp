#include <stet/run/stopping.hpp>

#include <stet/comm/flight_recorder.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <span>
#include <vector>

namespace stet {

namespace {
std::atomic<bool> stop{false};  // the one thing that a signal handler may touch
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int /*number*/) {
  stop.store(true);
  FlightRecorder::note_stop();
}
}  // namespace

void install_stop_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : stop_signals) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
  }
  release_stop_signals();
}

void release_stop_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : stop_signals) sigaddset(&set, number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool stop_requested() noexcept { return stop.load(); }
void request_stop() noexcept { stop.store(true); }

StepBoundary::Due StepBoundary::look() {
  if (++steps_ < next_) return {};
  const double step_seconds = since_look_.seconds() / static_cast<double>(steps_);
  std::vector<double> said = {communicator_.rank() == 0 && since_saved_.seconds() > interval_ ? 1.0 : 0.0,
                              stop_requested() ? 1.0 : 0.0, step_seconds};
  if (communicator_.size() > 1) {
    communicator_.all_reduce_max(std::span<double>(said));
    // Twice as many as before at the most: the first steps may have been unlike the others.
    next_ = std::clamp<std::int64_t>(static_cast<std::int64_t>(look_seconds / std::max(said[2], 1e-6)), 1, 2 * next_);
  }
  steps_ = 0;
  since_look_.restart();
  return {said[0] > 0 || said[1] > 0, said[1] > 0};
}

}  // namespace stet
