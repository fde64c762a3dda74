#include <stet/schedule/work_left.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

namespace stet {

double total_seconds(std::span<const WorkLeft> by_base) {
  double sum = 0;
  for (const WorkLeft& of : by_base) sum += of.base + of.labels + std::accumulate(of.runs.begin(), of.runs.end(), 0.0);
  return sum;
}

double elapsed_seconds(std::span<const WorkLeft> by_base, int workers) {
  STET_ASSERT(workers > 0);
  std::priority_queue<double, std::vector<double>, std::greater<>> free;  // when each worker is
  for (int i = 0; i < workers; ++i) free.push(0);
  double end = 0;
  const auto work = [&](double from, double seconds) {
    const double start = std::max(from, free.top());
    free.pop();
    free.push(start + seconds);
    end = std::max(end, start + seconds);
    return start + seconds;
  };
  std::vector<std::pair<double, const WorkLeft*>> ready;  // when what stands on a base can begin
  for (const WorkLeft& of : by_base) ready.emplace_back(of.base > 0 ? work(0, of.base) : 0, &of);
  const auto in_order = [&ready] {
    std::stable_sort(ready.begin(), ready.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  };
  in_order();
  for (auto& [from, of] : ready) {
    if (of->labels > 0) from = work(from, of->labels);
  }
  in_order();
  for (const auto& [from, of] : ready) {
    for (const double seconds : of->runs) static_cast<void>(work(from, seconds));
  }
  return end;
}

}  // namespace stet
