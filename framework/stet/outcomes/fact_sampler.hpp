// The facts of one run made ready for resampling.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/outcomes/outcomes.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace stet::report {

/// Facts are sorted by stratum, and their outcomes at the evaluations begin..end-1 are stored by fact in blocks of 32
/// evaluations, one byte each: adding a drawn fact is four 64-bit additions, whose byte lanes cannot overflow within
/// 255 facts.
class FactSampler {
 public:
  /// Throws Error (data) if the trajectory is not consistent. begin < end <= evaluations (assertion).
  FactSampler(const Trajectory& trajectory, std::uint32_t begin, std::uint32_t end);

  [[nodiscard]] std::uint32_t facts() const noexcept { return facts_; }
  /// [facts] which fact of the trajectory stands at each position of the sorted order.
  [[nodiscard]] std::span<const std::uint32_t> order() const noexcept { return order_; }

  /// As many facts as there are, with replacement within each stratum, as positions in the sorted order.
  void draw(Random& random, std::vector<std::uint32_t>& drawn) const;

  /// The number of right answers among `drawn` at each evaluation begin..end-1. Valid until the next call.
  [[nodiscard]] std::span<const std::uint32_t> counts(std::span<const std::uint32_t> drawn);

 private:
  using Words = std::array<std::uint64_t, 4>;
  struct Stratum {
    std::uint32_t begin, size;
  };

  static void add_block(const std::vector<Words>& block, std::span<const std::uint32_t> drawn,
                        std::span<std::uint32_t> counts);

  std::uint32_t facts_ = 0, evaluations_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<Stratum> strata_;
  std::vector<std::uint8_t> column_;        // [facts], for a single evaluation
  std::vector<std::vector<Words>> blocks_;  // [ceil(evaluations / 32)][facts]
  std::vector<std::uint32_t> counts_;       // of the last counts()
};

}  // namespace stet::report
