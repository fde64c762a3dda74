// What the control groups (containers, batch systems) leave of the machine, and how many cores that makes.
#pragma once

#include <cstdint>
#include <filesystem>

namespace stet {

struct ControlGroupLimits {
  double cores = 0;          ///< processor time a second; 0: no limit
  std::uint64_t memory = 0;  ///< bytes; 0: no limit
};

/// Limits of the control groups, of version 2 and 1, from this process's own up to the root; the smallest counts.
/// `root`: where /proc and /sys are, for tests.
[[nodiscard]] ControlGroupLimits control_group_limits(const std::filesystem::path& root = "/");

/// Cores that this process may be bound to (affinity).
[[nodiscard]] int bound_cores();

/// How many processes of one thread can work at once: `bound`, or the whole cores of the limit if that is less; at
/// least 1.
[[nodiscard]] int usable_cores(int bound, double limit);

/// The same of this process: what `stet run`, `stet plan` and `stet doctor` count with.
[[nodiscard]] int usable_cores();

}  // namespace stet
