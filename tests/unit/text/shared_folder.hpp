// Where the shared fixtures lie. A missing folder fails the tests that need it.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace stet {
inline std::filesystem::path shared_folder() {
  const char* given = std::getenv("STET_SHARED");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(STET_SOURCE_DIR) / ".." / "shared";
}
}  // namespace stet
