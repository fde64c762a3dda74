// Measurement of time: of the wall, and of the processor.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

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

/// Seconds of processor time of this process, all its threads together: what work costs, however busy the machine is.
/// Waiting costs nothing, but MPI waits by spinning.
[[nodiscard]] double processor_seconds() noexcept;

class ProcessorStopwatch {
 public:
  [[nodiscard]] double seconds() const noexcept { return processor_seconds() - start_; }
  void restart() noexcept { start_ = processor_seconds(); }

 private:
  double start_ = processor_seconds();
};

/// What a task has taken.
struct TimeSpent {
  double wall = 0, processor = 0;  ///< seconds
  TimeSpent& operator+=(const TimeSpent& other) noexcept {
    wall += other.wall;
    processor += other.processor;
    return *this;
  }
};

/// Both clocks together.
class TaskStopwatch {
 public:
  [[nodiscard]] TimeSpent spent() const noexcept { return {wall_.seconds(), processor_.seconds()}; }
  void restart() noexcept {
    wall_.restart();
    processor_.restart();
  }

 private:
  Stopwatch wall_;
  ProcessorStopwatch processor_;
};

/// Seconds in which at least one of these spans (begin, end) goes on: those at once count once, pauses do not. A span
/// that ends before it begins is empty.
[[nodiscard]] double covered_seconds(std::vector<std::pair<double, double>> spans);

/// The present time as "2026-11-23T14:25:00Z".
[[nodiscard]] std::string utc_now();
/// Seconds since 1970.
[[nodiscard]] double unix_now();

}  // namespace stet
