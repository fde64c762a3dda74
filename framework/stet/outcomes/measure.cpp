#include <stet/base/error.hpp>
#include <stet/outcomes/item_measure.hpp>
#include <stet/outcomes/measure.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace stet::report {

std::string_view name_of(Measure measure) noexcept {
  switch (measure) {
    case Measure::final_accuracy: return "final_accuracy";
    case Measure::start_accuracy: return "start_accuracy";
    case Measure::peak_accuracy: return "peak_accuracy";
    case Measure::forgetting: return "forgetting";
    case Measure::drop: return "drop";
    case Measure::early_stop_accuracy: return "early_stop_accuracy";
    case Measure::auc_trajectory: return "auc_trajectory";
    case Measure::probability: return "probability";
    case Measure::ece: return "ece";
    case Measure::auroc: return "auroc";
    case Measure::confident_error: return "confident_error";
    case Measure::recorded: return "recorded";
    case Measure::recorded_start: return "recorded_start";
  }
  return "unknown";
}

namespace {
constexpr std::string_view between = ": ";
}

std::string recorded_set(std::string_view set, std::string_view array) {
  return std::string(set) + std::string(between) + std::string(array);
}

RecordedSet split_recorded_set(const std::string& name, Measure which) {
  const std::size_t at = reads_array(which) ? name.find(between) : std::string::npos;
  return at == std::string::npos ? RecordedSet{name, ""}
                                 : RecordedSet{name.substr(0, at), name.substr(at + between.size())};
}

std::string missing_array(const Trajectory& trajectory, Measure which) {
  if (!reads_items(which)) return "";
  const std::size_t all = std::size_t{trajectory.evaluations} * trajectory.facts;
  if (which == Measure::probability) return trajectory.probability.size() == all ? "" : "probability";
  std::string name = reads_array(which) ? recorded_array : "confidence";
  const auto found = trajectory.extra.find(name);
  if (found == trajectory.extra.end()) return name;
  const bool once = reads_array(which) && found->second.size() == trajectory.facts;
  return once || found->second.size() == all ? "" : name;
}

double measure_of_counts(std::span<const std::uint32_t> counts, std::uint64_t facts, Measure which) {
  STET_ASSERT(!counts.empty() && facts > 0);
  // Differences are taken between integers: equal accuracies give exactly 0.
  const double peak = *std::max_element(counts.begin(), counts.end());
  const double last = counts.back();
  const double total = static_cast<double>(facts);
  switch (which) {
    case Measure::final_accuracy:
    case Measure::early_stop_accuracy: return last / total;
    case Measure::start_accuracy: return counts.front() / total;
    case Measure::peak_accuracy: return peak / total;
    case Measure::forgetting: return peak == 0 ? std::numeric_limits<double>::quiet_NaN() : (peak - last) / peak;
    case Measure::drop: return (peak - last) / total;
    case Measure::auc_trajectory: {
      if (counts.size() == 1) return last / total;
      double sum = -(static_cast<double>(counts.front()) + last) / 2;
      for (const std::uint32_t count : counts) sum += count;
      return sum / (static_cast<double>(counts.size() - 1) * total);
    }
    default: break;
  }
  STET_ASSERT(!"a measure that is not made of counts");
  return 0;
}

Trajectory until_best(const Trajectory& trajectory, const Trajectory& validation) {
  STET_ASSERT(trajectory.evaluations == validation.evaluations && trajectory.first < trajectory.evaluations);
  const auto right_at = [&](std::uint32_t s) {
    const auto row = std::span(validation.correct).subspan(std::size_t{s} * validation.facts, validation.facts);
    return std::accumulate(row.begin(), row.end(), std::uint32_t{0});
  };
  std::uint32_t best = trajectory.first, most = right_at(best);
  for (std::uint32_t s = best + 1; s < trajectory.evaluations; ++s) {
    const std::uint32_t right = right_at(s);
    if (right <= most) continue;
    best = s;
    most = right;
  }
  Trajectory result;
  result.evaluations = best + 1;
  result.facts = trajectory.facts;
  const auto end =
      trajectory.correct.begin() + static_cast<std::ptrdiff_t>(std::size_t{result.evaluations} * result.facts);
  result.correct.assign(trajectory.correct.begin(), end);
  result.fact_ids = trajectory.fact_ids;
  result.stratum = trajectory.stratum;
  result.first = trajectory.first;
  return result;
}

namespace {

std::vector<std::uint32_t> all_facts(const Trajectory& trajectory) {
  std::vector<std::uint32_t> all(trajectory.facts);
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

}  // namespace

double measure(const Trajectory& trajectory, Measure which) {
  return measure(trajectory, which, all_facts(trajectory));
}

double measure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> sampled_facts) {
  STET_ASSERT(!sampled_facts.empty());
  for (const std::uint32_t fact : sampled_facts) STET_ASSERT(fact < trajectory.facts);
  if (reads_items(which)) return ItemMeasure(trajectory, which, all_facts(trajectory)).value(sampled_facts);
  STET_ASSERT(trajectory.first < trajectory.evaluations);
  STET_ASSERT(trajectory.correct.size() == std::size_t{trajectory.evaluations} * trajectory.facts);
  std::vector<std::uint32_t> counts;
  for (std::size_t s = trajectory.first; s < trajectory.evaluations; ++s) {
    const auto row = std::span(trajectory.correct).subspan(s * trajectory.facts, trajectory.facts);
    std::uint32_t count = 0;
    for (const std::uint32_t fact : sampled_facts) count += row[fact];
    counts.push_back(count);
  }
  return measure_of_counts(counts, sampled_facts.size(), which);
}

}  // namespace stet::report
