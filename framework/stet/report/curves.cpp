// Curves of one measure against another along a run's evaluations: crossings, interpolation, area.
#include <stet/base/error.hpp>
#include <stet/outcomes/fact_sampler.hpp>
#include <stet/report/matched.hpp>
#include <stet/statistics/resampling.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

namespace stet::report {

std::optional<double> first_crossing(const Curve& curve, double target) {
  STET_ASSERT(!curve.x.empty() && curve.x.size() == curve.y.size());
  for (std::size_t s = 0; s < curve.x.size(); ++s) {
    if (curve.x[s] < target) continue;
    if (s == 0) return curve.y[0];
    const double weight = (target - curve.x[s - 1]) / (curve.x[s] - curve.x[s - 1]);
    if (weight == 1) return curve.y[s];  // what it had before may be no number
    return curve.y[s - 1] + weight * (curve.y[s] - curve.y[s - 1]);
  }
  return std::nullopt;
}

std::optional<double> interpolate(std::span<const Point> points, double target) {
  std::vector<Point> sorted(points.begin(), points.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  Curve line;
  for (std::size_t i = 0; i < sorted.size();) {
    double sum = 0;
    std::size_t end = i;
    for (; end < sorted.size() && sorted[end].x == sorted[i].x; ++end) sum += sorted[end].y;
    line.x.push_back(sorted[i].x);
    line.y.push_back(sum / static_cast<double>(end - i));
    i = end;
  }
  if (line.x.empty() || target < line.x.front()) return std::nullopt;
  return first_crossing(line, target);
}

double front_area(std::span<const Point> points) {
  std::vector<Point> sorted(points.begin(), points.end());
  for (const Point& point : sorted) STET_ASSERT(point.x >= 0 && point.y >= 0);
  std::sort(sorted.begin(), sorted.end(), [](const Point& a, const Point& b) { return a.x > b.x; });
  double area = 0, height = 0;
  for (const Point& point : sorted) {
    area += point.x * std::max(0.0, point.y - height);
    height = std::max(height, point.y);
  }
  return area;
}

}  // namespace stet::report
