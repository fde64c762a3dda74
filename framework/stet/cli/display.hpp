// The progress of `stet run` on standard error: one line that is redrawn on a terminal, plain lines elsewhere (Slurm
// logs must not contain carriage returns).
#pragma once

#include <stet/base/clock.hpp>

#include <optional>
#include <string>

namespace stet {

class Display {
 public:
  Display();
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  /// `fraction` of the work is done; `left` seconds remain, if that is known.
  void update(double fraction, std::optional<double> left, const std::string& text, double tokens_per_second);
  /// A line that stays.
  void line(const std::string& text);

 private:
  void clear();
  bool terminal_;
  bool drawn_ = false;
  Stopwatch since_drawn_;
};

}  // namespace stet
