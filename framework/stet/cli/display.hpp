// The progress of `stet run` on standard error: one line that is redrawn on a terminal, plain lines elsewhere (Slurm logs must not
// contain carriage returns).
#pragma once

#include <stet/base/clock.hpp>

#include <string>

namespace stet {

class Display {
 public:
  Display();
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  /// `done` of `all` work units; the remaining time is estimated from the speed so far.
  void update(double done, double all, const std::string& text, double tokens_per_second);
  /// A line that stays.
  void line(const std::string& text);

 private:
  void clear();
  bool terminal_;
  bool drawn_ = false;
  double first_done_ = -1, last_done_ = -1;
  Stopwatch watch_, since_drawn_;
  std::string last_;
};

}  // namespace stet
