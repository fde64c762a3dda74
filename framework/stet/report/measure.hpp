// The numbers a trajectory is boiled down to.
#pragma once

#include <stet/report/outcomes.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace stet::report {

/// With Acc(s) the accuracy at evaluation s, over s = first .. T, and T the last evaluation. All are fractions.
enum class Measure {
  final_accuracy,  ///< Acc(T)
  start_accuracy,  ///< Acc(first)
  peak_accuracy,   ///< max_{s<=T} Acc(s)
  forgetting,      ///< F = (max_{s<=T} Acc(s) - Acc(T)) / max_{s<=T} Acc(s); 0 if the peak is 0 (arXiv 2604.15574)
  drop,            ///< max_{s<=T} Acc(s) - Acc(T)
};

/// "final_accuracy", ...: as in TOML and CSV.
[[nodiscard]] std::string_view name_of(Measure measure) noexcept;

/// The measure over all facts. The trajectory must have at least one evaluation and one fact (assertion).
[[nodiscard]] double measure(const Trajectory& trajectory, Measure which);

/// The measure over a sample of facts: indices into [0, facts), repetitions allowed, at least one (assertion).
[[nodiscard]] double measure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> sampled_facts);

/// The measure from the number of correct facts at the evaluations first..T, in their order (at least one), out of
/// `facts` > 0 (assertion). All other forms come down to this one.
[[nodiscard]] double measure_of_counts(std::span<const std::uint32_t> counts, std::uint64_t facts, Measure which);

}  // namespace stet::report
