#include <stet/base/error.hpp>
#include <stet/outcomes/item_measure.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace stet::report {

namespace {

/// [facts] of what was recorded at the evaluation that the measure looks at, in the given order.
std::vector<double> recorded_row(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> order) {
  const std::vector<float>& all = trajectory.extra.at(recorded_array);
  const std::uint32_t evaluation = which == Measure::recorded_start ? trajectory.first : trajectory.evaluations - 1;
  const std::size_t begin = all.size() == trajectory.facts ? 0 : std::size_t{evaluation} * trajectory.facts;
  std::vector<double> row;
  for (const std::uint32_t fact : order) {
    const double x = all[begin + fact];
    if (!std::isfinite(x)) {
      throw Error(ErrorKind::data, fmt::format("'{}': not measured at evaluation {}", name_of(which), evaluation))
          .expected("a number for each fact")
          .hint("let the probe measure all facts, at each evaluation (its keys 'limit' and 'when')");
    }
    row.push_back(x);
  }
  return row;
}

/// [facts] of the last evaluation, in the given order.
std::vector<double> last_row(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> order) {
  const std::string missing = missing_array(trajectory, which);
  if (!missing.empty()) {
    throw Error(ErrorKind::data,
                fmt::format("'{}' needs the outcomes' '{}', which were not recorded", name_of(which), missing))
        .expected("one number for each evaluation and fact")
        .hint("let the run record it, or take the column out of the table");
  }
  if (reads_array(which)) return recorded_row(trajectory, which, order);
  const std::vector<float>& all =
      which == Measure::probability ? trajectory.probability : trajectory.extra.at("confidence");
  const std::size_t begin = std::size_t{trajectory.evaluations - 1} * trajectory.facts;
  std::vector<double> row;
  for (const std::uint32_t fact : order) {
    const double x = all[begin + fact];
    if (!(x >= 0 && x <= 1.0001)) {
      throw Error(ErrorKind::data, fmt::format("'{}': a probability outside [0, 1]", name_of(which)))
          .received(fmt::format("{} at fact {}", x, fact));
    }
    row.push_back(std::min(x, 1.0));  // a sum of rounded parts may be a hair above
  }
  return row;
}

}  // namespace

ItemMeasure::ItemMeasure(const Trajectory& trajectory, Measure which, std::span<const std::uint32_t> order)
    : which_(which), term_(last_row(trajectory, which, order)) {
  const std::size_t begin = std::size_t{trajectory.evaluations - 1} * trajectory.facts;
  for (const std::uint32_t fact : order) correct_.push_back(trajectory.correct[begin + fact]);
  const std::vector<double> confidence = term_;
  if (which == Measure::confident_error) {
    for (std::size_t i = 0; i < term_.size(); ++i) {
      term_[i] = correct_[i] == 0 && confidence[i] > confident_threshold ? 1.0 : 0.0;
    }
  } else if (which == Measure::ece) {
    sums_.resize(calibration_bins);
    for (std::size_t i = 0; i < term_.size(); ++i) {
      bin_.push_back(std::min(calibration_bins - 1, static_cast<std::uint32_t>(confidence[i] * calibration_bins)));
      term_[i] = correct_[i] - confidence[i];
    }
  } else if (which == Measure::auroc) {
    std::vector<double> distinct = confidence;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const double x : confidence) {
      bin_.push_back(
          static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), x) - distinct.begin()));
    }
    right_.resize(distinct.size());
    wrong_.resize(distinct.size());
  }
}

double ItemMeasure::value(std::span<const std::uint32_t> sample) {
  STET_ASSERT(!sample.empty());
  if (which_ == Measure::ece) return calibration(sample);
  if (which_ == Measure::auroc) return area(sample);
  double sum = 0;
  for (const std::uint32_t i : sample) sum += term_[i];
  return sum / static_cast<double>(sample.size());
}

double ItemMeasure::calibration(std::span<const std::uint32_t> sample) {
  std::fill(sums_.begin(), sums_.end(), 0.0);
  for (const std::uint32_t i : sample) sums_[bin_[i]] += term_[i];
  double sum = 0;
  for (const double x : sums_) sum += std::abs(x);
  return sum / static_cast<double>(sample.size());
}

double ItemMeasure::area(std::span<const std::uint32_t> sample) {
  std::fill(right_.begin(), right_.end(), 0U);
  std::fill(wrong_.begin(), wrong_.end(), 0U);
  for (const std::uint32_t i : sample) ++(correct_[i] != 0 ? right_ : wrong_)[bin_[i]];
  double area = 0, rights = 0, wrongs = 0;
  for (std::size_t rank = 0; rank < right_.size(); ++rank) {
    area += right_[rank] * (wrongs + 0.5 * wrong_[rank]);
    rights += right_[rank];
    wrongs += wrong_[rank];
  }
  return rights == 0 || wrongs == 0 ? std::numeric_limits<double>::quiet_NaN() : area / (rights * wrongs);
}

}  // namespace stet::report
