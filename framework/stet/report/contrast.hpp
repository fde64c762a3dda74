// A difference that another one is compared with.
#pragma once

#include <string>
#include <tuple>

namespace stet::report {

/// The difference arm - baseline on a set, subtracted from another: (arm - baseline) - (than.arm - than.baseline), an
/// interaction.
struct Contrast {
  std::string arm, baseline, set;

  [[nodiscard]] bool named() const noexcept { return !arm.empty(); }

  friend bool operator==(const Contrast&, const Contrast&) = default;
  friend bool operator<(const Contrast& a, const Contrast& b) {
    return std::tie(a.arm, a.baseline, a.set) < std::tie(b.arm, b.baseline, b.set);
  }
};

}  // namespace stet::report
