#include <stet/cli/display.hpp>

#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace stet {

Display::Display() : terminal_(::isatty(STDERR_FILENO) != 0) {}

Display::~Display() { clear(); }

void Display::clear() {
  if (terminal_ && drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Display::update(double done, double all, const std::string& text, double tokens_per_second) {
  const double interval = terminal_ ? 0.2 : 30;
  if (first_done_ < 0 || done < last_done_) {  // at the beginning, or something else is measured now
    first_done_ = done;
    watch_.restart();
  }
  last_done_ = done;
  if (since_drawn_.seconds() < interval && (drawn_ || !terminal_)) return;
  since_drawn_.restart();
  const double speed = (done - first_done_) / std::max(watch_.seconds(), 1e-3);
  std::string left = speed > 0 && done < all ? format_duration((all - done) / speed) + " left" : "";
  std::string line = fmt::format("{:3.0f} %  {}", 100 * std::min(1.0, done / std::max(all, 1e-9)), text);
  if (tokens_per_second > 0) line += fmt::format("  {} tokens/s", format_count(tokens_per_second));
  if (!left.empty()) line += "  " + left;
  if (terminal_) {
    winsize size{};
    const std::size_t width = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col - 1U : 79U;
    fmt::print(stderr, "\r\033[K{}", line.substr(0, width));
    drawn_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Display::line(const std::string& text) {
  clear();
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
}

}  // namespace stet
