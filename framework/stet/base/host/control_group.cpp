#include <stet/base/host/control_group.hpp>

#include <stet/base/strings.hpp>

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace stet {

namespace {

namespace fs = std::filesystem;

/// A positive whole number; 0 for anything else ("max", "-1").
std::uint64_t limit_in(std::string_view text) { return whole_number<std::uint64_t>(text).value_or(0); }

std::string word_of(const fs::path& file) {
  std::string text;
  std::ifstream(file) >> text;
  return text;
}

template <class Number>
void take_smaller(Number& limit, Number found) {
  if (found > 0 && (limit == 0 || found < limit)) limit = found;
}

/// Calls `look` with the folder of `group` below `mount` and of every group above it. In a container that does not see
/// the host's groups some do not exist.
template <class Look>
void upwards(const fs::path& mount, const std::string& group, const Look& look) {
  for (fs::path at = fs::path(group.empty() ? "/" : group).lexically_normal();; at = at.parent_path()) {
    look(mount / at.relative_path());
    if (!at.has_relative_path()) return;
  }
}

}  // namespace

ControlGroupLimits control_group_limits(const fs::path& root) {
  ControlGroupLimits limits;
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/path" (version 2), "4:cpu,cpuacct:/path" (version 1)
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    const auto has = [list = "," + controllers + ","](std::string_view name) {
      return list.find("," + std::string(name) + ",") != std::string::npos;
    };
    if (controllers.empty()) {
      upwards(mount, group, [&limits](const fs::path& folder) {
        take_smaller(limits.memory, limit_in(word_of(folder / "memory.max")));
        std::string quota;
        double period = 0;
        if (std::ifstream(folder / "cpu.max") >> quota >> period && period > 0)
          take_smaller(limits.cores, static_cast<double>(limit_in(quota)) / period);
      });
    } else if (has("cpu")) {
      const fs::path together = mount / controllers;
      upwards(fs::exists(together) ? together : mount / "cpu", group, [&limits](const fs::path& folder) {
        const std::uint64_t quota = limit_in(word_of(folder / "cpu.cfs_quota_us")),
                            period = limit_in(word_of(folder / "cpu.cfs_period_us"));
        if (period > 0) take_smaller(limits.cores, static_cast<double>(quota) / static_cast<double>(period));
      });
    } else if (has("memory")) {
      upwards(mount / "memory", group, [&limits](const fs::path& folder) {
        constexpr std::uint64_t none = std::uint64_t{1} << 62;  // version 1 says "no limit" by a number near 2^63
        const std::uint64_t bytes = limit_in(word_of(folder / "memory.limit_in_bytes"));
        if (bytes < none) take_smaller(limits.memory, bytes);
      });
    }
  }
  return limits;
}

int bound_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return ::sched_getaffinity(0, sizeof(mask), &mask) == 0
             ? CPU_COUNT(&mask)
             : std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

int usable_cores(int bound, double limit) {
  const int whole = limit > 0 && limit < static_cast<double>(bound) ? static_cast<int>(limit) : bound;
  return std::max(1, whole);
}

int usable_cores() { return usable_cores(bound_cores(), control_group_limits().cores); }

}  // namespace stet
