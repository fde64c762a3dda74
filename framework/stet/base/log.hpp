// Log lines to standard error. Standard output is left to results (tables, plans), so that it can be piped.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace stet::log {

enum class Level { debug, info, warning, error };

/// Lines below this level are dropped; only rank 0 should be verbose. Default: info.
void set_level(Level level);
/// Prefix of every line, for instance "[rank 2] "; empty by default.
void set_prefix(std::string_view prefix);
void write(Level level, std::string_view line);
/// Writes a line that this process has not written by once() before. May be called from several threads.
void once(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace stet::log
