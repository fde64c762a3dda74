// Wall-clock measurement.
#pragma once

#include <chrono>
#include <string>

namespace stet {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const noexcept {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void restart() noexcept { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The present time as "2026-11-23T14:25:00Z".
[[nodiscard]] std::string utc_now();

}  // namespace stet
