#include <stet/base/log.hpp>

#include <stet/base/shown.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace stet::log {

namespace {
spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto created = std::make_shared<spdlog::logger>("stet", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    created->set_pattern("%^%v%$");
    return created;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}
}  // namespace

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

void set_prefix(std::string_view prefix) { logger().set_pattern(fmt::format("{}%^%v%$", prefix)); }

void write(Level level, std::string_view line) {
  const std::string_view label = level == Level::warning ? "warning: " : level == Level::error ? "error: " : "";
  logger().log(to_spdlog(level), "{}{}", label, terminal_text(line));
  logger().flush();
}

void once(Level level, std::string_view line) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> written;
  {
    const std::lock_guard lock(mutex);
    if (!written.emplace(line).second) return;
  }
  write(level, line);
}

}  // namespace stet::log
