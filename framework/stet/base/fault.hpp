// Named points at which a test can kill the process, to prove that no instant is a bad one to die at.
#pragma once

#include <string_view>

namespace stet {

/// Kills this process with SIGKILL if the environment variable STET_FAULT is "NAME" or "NAME:n" and this is the n-th
/// time (from 1) that the point of this name is passed. Costs one pointer test otherwise.
void fault_point(std::string_view name);

}  // namespace stet
