#include <stet/base/error.hpp>
#include <stet/report/measure.hpp>

#include <algorithm>
#include <vector>

namespace stet::report {

std::string_view name_of(Measure measure) noexcept {
  switch (measure) {
    case Measure::final_accuracy: return "final_accuracy";
    case Measure::start_accuracy: return "start_accuracy";
    case Measure::peak_accuracy: return "peak_accuracy";
    case Measure::forgetting: return "forgetting";
    case Measure::drop: return "drop";
  }
  return "unknown";
}

double measure_of_counts(std::span<const std::uint32_t> counts, std::uint64_t facts, Measure which) {
  STET_ASSERT(!counts.empty() && facts > 0);
  // Differences are taken between integers: equal accuracies give exactly 0.
  const double peak = *std::max_element(counts.begin(), counts.end());
  const double last = counts.back();
  const double total = static_cast<double>(facts);
  switch (which) {
    case Measure::final_accuracy: return last / total;
    case Measure::start_accuracy: return counts.front() / total;
    case Measure::peak_accuracy: return peak / total;
    case Measure::forgetting: return peak == 0 ? 0.0 : (peak - last) / peak;
    case Measure::drop: return (peak - last) / total;
  }
  STET_ASSERT(!"a measure outside the enumeration");
  return 0;
}

namespace {

/// Sums row by row; `visit(row)` gives the number of correct facts of one evaluation.
template <class Visit>
double from_rows(const Trajectory& trajectory, Measure which, std::uint64_t facts, Visit visit) {
  STET_ASSERT(trajectory.first < trajectory.evaluations && trajectory.facts > 0);
  STET_ASSERT(trajectory.correct.size() == std::size_t{trajectory.evaluations} * trajectory.facts);
  std::vector<std::uint32_t> counts;
  for (std::size_t s = trajectory.first; s < trajectory.evaluations; ++s) {
    counts.push_back(visit(std::span(trajectory.correct).subspan(s * trajectory.facts, trajectory.facts)));
  }
  return measure_of_counts(counts, facts, which);
}

}  // namespace

double measure(const Trajectory& trajectory, Measure which) {
  return from_rows(trajectory, which, trajectory.facts, [](std::span<const std::uint8_t> row) {
    std::uint32_t count = 0;
    for (const std::uint8_t x : row) count += x;
    return count;
  });
}

double measure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> sampled_facts) {
  STET_ASSERT(!sampled_facts.empty());
  for (const std::uint32_t fact : sampled_facts) STET_ASSERT(fact < trajectory.facts);
  return from_rows(trajectory, which, sampled_facts.size(), [&](std::span<const std::uint8_t> row) {
    std::uint32_t count = 0;
    for (const std::uint32_t fact : sampled_facts) count += row[fact];
    return count;
  });
}

}  // namespace stet::report
