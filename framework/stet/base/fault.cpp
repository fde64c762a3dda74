#include <stet/base/fault.hpp>

#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace stet {

void fault_point(std::string_view name) {
  static const char* const wanted = std::getenv("STET_FAULT");
  if (wanted == nullptr) return;
  static std::mutex mutex;
  static std::map<std::string, int, std::less<>> passed;
  const std::lock_guard lock(mutex);
  const std::string_view text(wanted);
  const std::size_t colon = text.rfind(':');
  const int count = colon == std::string_view::npos ? 1 : std::atoi(std::string(text.substr(colon + 1)).c_str());
  if (text.substr(0, colon) == name && ++passed[std::string(name)] == count) std::raise(SIGKILL);
}

}  // namespace stet
