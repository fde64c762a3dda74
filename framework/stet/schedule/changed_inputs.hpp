// Runs that were finished before, from other data or by other plugin files: what is made again, and why.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/plan/plan.hpp>
#include <stet/schedule/workspace.hpp>

#include <string>
#include <vector>

namespace stet {

/// One line for each input whose content has changed since runs of the same settings were finished under this root,
/// with how many runs are made again for it. Reads rank 0's disk; not collective.
[[nodiscard]] std::vector<std::string> changed_inputs(const Plan& plan, const Workspace& workspace);

/// Collective; rank 0 decides. Lets a finished run stand for a planned one that differs from it by the bytes of plugins
/// alone (files from elsewhere than the installation, of the same version): the planned run takes its identity. Returns
/// how many.
std::size_t trust_versions(Plan& plan, const Workspace& workspace, Communicator& communicator);

}  // namespace stet
