#include <stet/cli/display.hpp>

#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace stet {

Display::Display() : terminal_(::isatty(STDERR_FILENO) != 0) {}

Display::~Display() { clear(); }

void Display::clear() {
  if (terminal_ && drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void Display::update(double fraction, std::optional<double> left, const std::string& text, double tokens_per_second) {
  const double interval = terminal_ ? 0.2 : 30;
  if (since_drawn_.seconds() < interval && (drawn_ || !terminal_)) return;
  since_drawn_.restart();
  std::string line = fmt::format("{:3.0f} %  {}", 100 * fraction, terminal_text(text));
  if (tokens_per_second > 0) line += fmt::format("  {} tokens/s", format_count(tokens_per_second));
  if (left && *left > 0) line += fmt::format("  about {} left", format_duration(*left));
  if (terminal_) {
    winsize size{};
    const std::size_t width =
        ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col - 1U : 79U;
    fmt::print(stderr, "\r\033[K{}", line.substr(0, width));
    drawn_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Display::line(const std::string& text) {
  clear();
  fmt::print(stderr, "{}\n", terminal_text(text));
  std::fflush(stderr);
}

}  // namespace stet
