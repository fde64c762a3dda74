// Where the reference data lies that is no part of the repository: STET_SHARED, or ../shared beside it. Only tests with
// the label `reference` need it. Absent is a failure, not a skip.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace stet {

inline std::filesystem::path shared_folder() {
  const char* set = std::getenv("STET_SHARED");
  const std::filesystem::path folder = set != nullptr ? set : STET_SOURCE_DIR "/../shared";
  if (!std::filesystem::exists(folder / "fixtures")) {
    throw std::runtime_error("no reference data in " + folder.string() + ": set STET_SHARED");
  }
  return folder;
}

}  // namespace stet
