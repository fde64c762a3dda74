#include <stet/train/weight_update.hpp>

#include <stet/base/error.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/train/adamw.hpp>

#include <cmath>
#include <utility>

namespace stet {

WeightUpdate::WeightUpdate(const ParameterTable& table, at::Tensor weights, const TrainOptions& options)
    : table_(table), weights_(std::move(weights)), options_(options), layout_(table) {}

void WeightUpdate::begin_phase(const TrainableSelection& chosen, const at::Tensor& phase_start, std::uint64_t seed,
                               bool dense) {
  TrainableSelection selection = chosen;
  if (selection.trains.empty()) selection.trains.assign(table_.size(), true);
  refuse_if(wrong_with_selection(selection, table_), expected_of_selection);
  trains_ = selection.trains;
  masks_ = selection.masks;
  low_rank_ = {};
  if (!selection.low_rank.empty())
    low_rank_ = LowRankUpdates(table_, selection, phase_start.defined() ? phase_start : weights_.clone());
  layout_ = dense || low_rank_.empty() ? GradientLayout(table_, trains_)
                                       : GradientLayout(table_, trains_, low_rank_.places());
  select_ranges(selection);
  trainable_ += low_rank_.elements();
  optimizer_ = {at::zeros({trainable_}, weights_.scalar_type()), at::zeros({trainable_}, weights_.scalar_type()), 0};
  if (!low_rank_.empty()) optimizer_.factors = low_rank_.initial_factors(seed);
}

/// Neighbours that are treated alike become one range.
void WeightUpdate::select_ranges(const TrainableSelection& selection) {
  ranges_.clear();
  trainable_ = 0;
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (!trains_[i] || selection.low_rank.contains(i)) continue;
    const auto mask = masks_.find(i);
    const bool decays = table_[i].shape.size() > 1;
    const std::uint8_t* const bytes = mask == masks_.end() ? nullptr : mask->second.data_ptr<std::uint8_t>();
    Range* const previous = ranges_.empty() ? nullptr : &ranges_.back();
    if (previous != nullptr && previous->offset + previous->count == table_[i].offset &&
        previous->gradient + previous->count == layout_.begin(i) && previous->decays == decays &&
        previous->mask == nullptr && bytes == nullptr) {
      previous->count += table_[i].count;
    } else {
      ranges_.push_back({table_[i].offset, layout_.begin(i), table_[i].count, trainable_, decays, bytes});
    }
    trainable_ += table_[i].count;
  }
}

std::vector<LowRankChange> WeightUpdate::low_rank_changes() const {
  if (low_rank_.empty()) return {};
  return low_rank_.changes(optimizer_.factors.clone());
}

double WeightUpdate::prepare(const at::Tensor& gradient) {
  const at::NoGradGuard guard;
  return by_scalar_type(weights_.scalar_type(), [&]<class T>(T) {
    T* const g = gradient.data_ptr<T>();
    double squares = 0;
    for (const Range& range : ranges_) {
      if (range.mask != nullptr) {
        for (std::int64_t k = 0; k < range.count; ++k) {
          if (range.mask[k] == 0) g[range.gradient + k] = T(0);
        }
      }
      squares += sum_of_squares(g + range.gradient, range.count);
    }
    if (!low_rank_.empty()) {
      factor_gradient_ = low_rank_.project(gradient, layout_, optimizer_.factors);
      squares += sum_of_squares(factor_gradient_.data_ptr<T>(), low_rank_.elements());
    }
    return std::sqrt(squares);
  });
}

void WeightUpdate::apply(const at::Tensor& gradient, double rate, double scale) {
  const at::NoGradGuard guard;
  ++optimizer_.step;
  const auto adamw = [&](bool decays) {
    return AdamWStep{
        rate, options_.beta1, options_.beta2, options_.epsilon, decays ? options_.weight_decay : 0.0, optimizer_.step};
  };
  by_scalar_type(weights_.scalar_type(), [&]<class T>(T) {
    T* const first = optimizer_.first.data_ptr<T>();
    T* const second = optimizer_.second.data_ptr<T>();
    for (const Range& range : ranges_) {
      adamw_update(adamw(range.decays), weights_.data_ptr<T>() + range.offset, gradient.data_ptr<T>() + range.gradient,
                   first + range.state, second + range.state, range.mask, range.count, scale);
    }
    const std::int64_t moments = trainable_ - low_rank_.elements();
    for (const LowRankUpdates::Part& part : low_rank_.parts()) {
      adamw_update<T>(adamw(part.decays), optimizer_.factors.data_ptr<T>() + part.a,
                      factor_gradient_.data_ptr<T>() + part.a, first + moments + part.a, second + moments + part.a,
                      nullptr, part.count(), scale);
    }
    return 0;
  });
  if (!low_rank_.empty()) low_rank_.merge(optimizer_.factors, weights_);
}

}  // namespace stet
