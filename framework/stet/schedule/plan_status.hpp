// How far an experiment is, as its folders say it.
#pragma once

#include <stet/schedule/workspace.hpp>

#include <string>
#include <vector>

namespace stet {

struct PlanStatus {
  int bases = 0, bases_finished = 0, runs = 0, runs_finished = 0, failed = 0;
  std::vector<std::string> failures;  ///< "arm seed: message"
  int first_error = 0;                ///< exit code of the first of them; 0: none
};
/// Reads the disk; failures count that were recorded in this session alone.
[[nodiscard]] PlanStatus status_of(const Plan& plan, const Workspace& workspace, const std::string& session);

}  // namespace stet
