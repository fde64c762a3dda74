#include <stet/base/repeat.hpp>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

namespace stet {

std::jthread repeat_every(double seconds, std::function<bool()> work) {
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits it
  std::jthread thread([seconds, work = std::move(work)](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    while (
        !stopped.wait_for(lock, stop, std::chrono::duration<double>(seconds), [&] { return stop.stop_requested(); })) {
      if (!work()) return;
    }
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace stet
