#include <stet/train/low_rank.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/plugin/handover.hpp>

#include <cmath>
#include <utility>

namespace stet {

std::int64_t factor_elements(const ParameterInfo& matrix, const LowRank& low_rank) {
  return low_rank.rank * (matrix.shape[0] + matrix.shape[1]);
}

LowRankUpdates::LowRankUpdates(const ParameterTable& table, const TrainableSelection& selection, at::Tensor start)
    : table_(&table), start_(std::move(start)) {
  refuse_if(wrong_with_low_rank(selection, table), expected_of_selection);
  STET_ASSERT(start_.numel() == table.total());
  for (const auto& [index, low_rank] : selection.low_rank) {  // a map: in the order of the table
    const std::int64_t out = table[index].shape[0], in = table[index].shape[1];
    parts_.push_back({index, low_rank.rank, out, in, elements_, elements_ + low_rank.rank * in, low_rank.scale,
                      low_rank.decays, low_rank.seed});
    elements_ += parts_.back().count();
  }
}

at::Tensor LowRankUpdates::initial_factors(std::uint64_t run_seed) const {
  at::Tensor factors = at::zeros({elements_}, at::TensorOptions().dtype(at::kDouble));
  for (const Part& part : parts_) {
    // Kaiming uniform with a = sqrt(5), as in the paper's own code. No function of <cmath> but sqrt, which is exact:
    // the same bits on every machine.
    const double bound = 1.0 / std::sqrt(static_cast<double>(part.in));
    Random random(part.seed, "low_rank." + (*table_)[part.parameter].name, run_seed);
    double* const a = factors.data_ptr<double>() + part.a;
    for (std::int64_t k = 0; k < part.rank * part.in; ++k) a[k] = bound * (2 * random.uniform() - 1);
  }
  return factors.to(start_.scalar_type());
}

at::Tensor LowRankUpdates::project(const at::Tensor& gradient, const GradientLayout& layout,
                                   const at::Tensor& factors) const {
  STET_ASSERT(factors.numel() == elements_ && gradient.numel() == layout.elements());
  at::Tensor result = at::empty_like(factors);
  for (const Part& part : parts_) {
    const std::int64_t begin = layout.begin(part.parameter);
    if (layout.factors(part.parameter)) {
      result.narrow(0, part.a, part.count()).copy_(gradient.narrow(0, begin, part.count()));
      continue;
    }
    const at::Tensor d_weight = gradient.narrow(0, begin, part.out * part.in).view({part.out, part.in});
    at::Tensor d_a = a_of(part, result), d_b = b_of(part, result);
    at::mm_out(d_b, d_weight, a_of(part, factors).t());
    at::mm_out(d_a, b_of(part, factors).t(), d_weight);
    d_a.mul_(part.scale);
    d_b.mul_(part.scale);
  }
  return result;
}

std::map<std::size_t, FactorPlace> LowRankUpdates::places() const {
  std::map<std::size_t, FactorPlace> places;
  for (const Part& part : parts_) places[part.parameter] = {part.rank, part.scale, part.a, part.b};
  return places;
}

std::vector<LowRankChange> LowRankUpdates::changes(const at::Tensor& factors) const {
  STET_ASSERT(factors.numel() == elements_);
  std::vector<LowRankChange> result;
  for (const Part& part : parts_)
    result.push_back({part.parameter, part.scale, a_of(part, factors), b_of(part, factors)});
  return result;
}

void LowRankUpdates::merge(const at::Tensor& factors, const at::Tensor& weights) const {
  for (const LowRankChange& change : changes(factors))
    merge_change(change, table_->view(start_, change.parameter), table_->view(weights, change.parameter));
}

at::Tensor LowRankUpdates::a_of(const Part& part, const at::Tensor& factors) const {
  return factors.narrow(0, part.a, part.rank * part.in).view({part.rank, part.in});
}

at::Tensor LowRankUpdates::b_of(const Part& part, const at::Tensor& factors) const {
  return factors.narrow(0, part.b, part.out * part.rank).view({part.out, part.rank});
}

}  // namespace stet
