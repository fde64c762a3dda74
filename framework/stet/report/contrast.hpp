// A difference that another one is compared with.
#pragma once

#include <compare>
#include <string>

namespace stet::report {

/// The difference arm - baseline on a set, subtracted from another: (arm - baseline) - (than.arm - than.baseline), an interaction.
struct Contrast {
  std::string arm, baseline, set;

  [[nodiscard]] bool named() const noexcept { return !arm.empty(); }
  [[nodiscard]] bool operator==(const Contrast&) const = default;
  [[nodiscard]] auto operator<=>(const Contrast&) const = default;
};

}  // namespace stet::report
