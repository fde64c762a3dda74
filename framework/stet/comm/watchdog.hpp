// Ends what hangs: looks at the flight recorders of a task's ranks, and speaks up when one stays away for too long.
// What this is not: a judge of slowness. A rank counts as away only while another waits for it in a collective, or
// while a plugin's hook runs on without calling the engine.
#pragma once

#include <stet/base/error.hpp>
#include <stet/comm/flight_recorder.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>

namespace stet {

class Watchdog {
 public:
  /// A thread looks at `recorder` from now on. `timeout` in seconds, 0: never. When a rank was away for so long,
  /// `on_hang` is called on that thread, on one rank of the group, with an Error (plugin if a hook runs there,
  /// otherwise communication) that names rank, step, collective and who waits for whom; it should end the process. Time
  /// in which this process itself is stopped (SIGSTOP, a suspended job) does not count.
  Watchdog(FlightRecorder& recorder, double timeout, std::function<void(const Error&)> on_hang);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  /// Once more; false when there was a hang, and all is said.
  bool watch(double pause);
  /// What this process has been in without a sign of progress, for how long: looked at every `seconds`.
  [[nodiscard]] std::optional<Error> look(double seconds);
  [[nodiscard]] Error waits_too_long(const Flight& own, const Flight::Collective& in) const;
  [[nodiscard]] bool may_speak() const;

  struct Spell {
    std::uint64_t count = 0;
    double seconds = 0;
  };

  FlightRecorder& recorder_;
  double timeout_;
  std::function<void(const Error&)> on_hang_;
  std::map<std::uint64_t, Spell> waits_;  // by communicator
  Spell hook_;
  std::map<int, Spell> alive_;  // of the other ranks' processes
  std::chrono::steady_clock::time_point before_ = std::chrono::steady_clock::now();
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stet
