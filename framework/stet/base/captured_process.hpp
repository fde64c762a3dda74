// A program that is run to its end, with what it wrote.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace stet {

struct CapturedProcess {
  int code = 0;  ///< exit code; 128 + n if killed by signal n; 127 if it could not be started
  bool timed_out = false;
  std::string out, err;  ///< the last megabyte of each
};

/// Runs `words` (the first is looked for in PATH) with `environment` added to ours. After `seconds` the whole process
/// group is killed. Throws Error (communication) if no process can be made.
[[nodiscard]] CapturedProcess run_captured(const std::vector<std::string>& words,
                                           const std::map<std::string, std::string>& environment, double seconds);

}  // namespace stet
