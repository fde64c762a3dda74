#include <stet/base/error.hpp>
#include <stet/statistics/multiple_testing.hpp>

#include <algorithm>
#include <numeric>

namespace stet::report {

std::vector<double> holm(std::span<const double> p_values) {
  for (const double p : p_values) STET_ASSERT(p >= 0 && p <= 1);
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double running = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double scaled = static_cast<double>(order.size() - rank) * p_values[order[rank]];
    running = std::max(running, std::min(1.0, scaled));
    adjusted[order[rank]] = running;
  }
  return adjusted;
}

}  // namespace stet::report
