// A queue that a thread of its own keeps filled, so that the consumer finds the next value ready.
#pragma once

#include <stet/base/error.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace stet {

/// Calls `produce` on its own thread until it returns nothing, at most `capacity` values ahead of the consumer. What
/// `produce` throws reaches the consumer, in its place behind the values before it. The destructor stops after the
/// value in the making. One consumer.
template <class T>
class Prefetcher {
 public:
  Prefetcher(std::function<std::optional<T>()> produce, std::size_t capacity)
      : produce_(std::move(produce)), capacity_(capacity) {
    STET_ASSERT(capacity > 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Prefetcher() {
    thread_.request_stop();
    room_.notify_all();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next value, waiting for it if need be; nothing at the end (and ever after). Throws what `produce` threw (and
  /// again at every later call).
  [[nodiscard]] std::optional<T> next() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !queue_.empty() || ended_; });
    if (queue_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    // Woken at half, the thread fills the whole queue again: fewer wake-ups, each of which may cost the consumer its
    // core.
    const bool wake = 2 * queue_.size() <= capacity_;
    lock.unlock();
    if (wake) room_.notify_one();
    return value;
  }

 private:
  void run(const std::stop_token& stop) {
    std::exception_ptr failure;
    try {
      while (!stop.stop_requested()) {
        std::optional<T> value = produce_();
        if (!value) break;
        std::unique_lock lock(mutex_);
        if (!room_.wait(lock, stop, [this] { return queue_.size() < capacity_; })) break;
        queue_.push_back(std::move(*value));
        lock.unlock();
        filled_.notify_one();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
    filled_.notify_all();
  }

  std::function<std::optional<T>()> produce_;
  std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any room_, filled_;
  std::deque<T> queue_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stet
