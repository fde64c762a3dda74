// Telling how far a task is.
#pragma once

#include <stet/base/clock.hpp>

#include <functional>
#include <string>

namespace stet {

/// What tasks report while they work. Called by rank 0 alone.
struct Progress {
  std::string task;     ///< "base 1", "sft seed 2"
  double fraction = 0;  ///< 0..1 of this task
  double tokens_per_second = 0;
  double seconds = 0;    ///< that the task has taken, of the wall, earlier sessions' included
  std::string identity;  ///< the task's; names of base models of several kinds are the same
};
using ProgressSink = std::function<void(const Progress&)>;

/// Of one task: counts tokens, and speaks at most twice a second.
class ProgressMeter {
 public:
  /// `sink` may be empty, as it is on all ranks but 0.
  ProgressMeter(ProgressSink sink, std::string task, std::string identity)
      : sink_(std::move(sink)), task_(std::move(task)), identity_(std::move(identity)) {}

  /// After a step of so many tokens. `fraction` and `seconds` (Progress) are asked for where something is said.
  template <class Fraction, class Seconds>
  void stepped(double tokens, Fraction fraction, Seconds seconds) {
    tokens_ += tokens;
    if (!sink_ || since_said_.seconds() < 0.5) return;
    sink_({task_, fraction(), tokens_ / since_begin_.seconds(), seconds(), identity_});
    since_said_.restart();
  }

 private:
  ProgressSink sink_;
  std::string task_, identity_;
  double tokens_ = 0;
  Stopwatch since_begin_, since_said_;
};

}  // namespace stet
