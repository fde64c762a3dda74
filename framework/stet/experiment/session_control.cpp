#include <stet/experiment/session_control.hpp>

#include <stet/comm/flight_recorder.hpp>

#include <atomic>
#include <csignal>

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
  for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) ::sigaction(number, &action, nullptr);
}

bool stop_requested() noexcept { return stop.load(); }
void request_stop() noexcept { stop.store(true); }

}  // namespace stet
