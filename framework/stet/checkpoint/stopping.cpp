#include <stet/checkpoint/stopping.hpp>

#include <stet/base/error.hpp>
#include <stet/comm/flight_recorder.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace stet {

namespace {
// What a signal handler may touch.
std::atomic<bool> stop{false}, save{false};
std::atomic<int> stopped_by{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

std::atomic<double> stop_at{0};  // seconds since 1970; 0: never

void on_signal(int number) {
  if (number == SIGUSR1) {
    save.store(true);
    return;
  }
  stopped_by.store(number);
  stop.store(true);
  FlightRecorder::note_stop();
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double wanted_end() {
  const char* text = std::getenv("STET_STOP_AT");
  if (text == nullptr || *text == 0) return 0;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end != 0 || !(seconds > 0))
    throw Error(ErrorKind::config, "bad environment variable STET_STOP_AT")
        .expected("seconds since 1970, as `date +%s` gives them")
        .received(std::string("'") + text + "'");
  return seconds;
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

void read_stop_time() { stop_at.store(wanted_end()); }

void release_stop_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : stop_signals) sigaddset(&set, number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool stop_requested() noexcept {
  const double end = stop_at.load();
  return stop.load() || (end > 0 && seconds_since_1970() >= end);
}
void request_stop() noexcept { stop.store(true); }
bool take_save_request() noexcept { return save.exchange(false); }

std::string stop_reason() {
  if (const int number = stopped_by.load(); number != 0) return std::string("SIG") + ::sigabbrev_np(number);
  return stop.load() ? "request" : stop_requested() ? "the clock (STET_STOP_AT)" : "";
}

StepBoundary::Due StepBoundary::look(bool writes) {
  if (++steps_ < next_) return {};
  const double step_seconds = since_look_.seconds() / static_cast<double>(steps_);
  const bool asked = take_save_request();
  std::vector<double> said = {asked || (communicator_.rank() == 0 && since_saved_.seconds() > interval_) ? 1.0 : 0.0,
                              stop_requested() ? 1.0 : 0.0, step_seconds, writes ? 1.0 : 0.0};
  if (communicator_.size() > 1) {
    communicator_.all_reduce_max(std::span<double>(said));
    // Twice as many as before at the most: the first steps may have been unlike the others.
    next_ = std::clamp<std::int64_t>(static_cast<std::int64_t>(look_seconds / std::max(said[2], 1e-6)), 1, 2 * next_);
  }
  steps_ = 0;
  since_look_.restart();
  return {said[0] > 0 || said[1] > 0, said[1] > 0, said[3] == 0};
}

}  // namespace stet
