// Measures that read what a fact's answer was worth, not only whether it was right.
#pragma once

#include <stet/outcomes/measure.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace stet::report {

/// One of the measures for which reads_items() holds, made ready for resampling.
class ItemMeasure {
 public:
  /// `order` [facts]: position i of later samples is fact order[i]. Throws Error (data) if the array that the measure
  /// reads is absent or holds something outside [0, 1].
  ItemMeasure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> order);

  /// Over a sample of positions, repetitions allowed, at least one (assertion). NaN where the sample has no value
  /// (may_be_undefined).
  [[nodiscard]] double value(std::span<const std::uint32_t> sample);

 private:
  [[nodiscard]] double calibration(std::span<const std::uint32_t> sample);
  [[nodiscard]] double area(std::span<const std::uint32_t> sample);

  Measure which_;
  std::vector<double> term_;                  // [facts] whose mean, or whose sum in a bin, makes the measure
  std::vector<std::uint32_t> bin_;            // [facts] bin of the confidence, or its rank among distinct ones
  std::vector<std::uint8_t> correct_;         // [facts]
  std::vector<double> sums_;                  // by bin
  std::vector<std::uint32_t> right_, wrong_;  // by rank
};

}  // namespace stet::report
