#include <stet/base/error.hpp>
#include <stet/sdk/anchored_penalty.hpp>
#include <stet/sdk/state.hpp>
#include <stet/sdk/weight_walk.hpp>

#include <cstdint>
#include <utility>

namespace stet {

namespace {

/// gradient += strength * F * (value - reference); returns sum F (value - reference)^2. Without `weighted` F is 1 and
/// `importance` is not read.
template <bool weighted, class T>
double pull(const T* __restrict__ values, const T* __restrict__ reference, const T* __restrict__ importance,
            T* __restrict__ gradient, std::int64_t count, T strength) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) {
    const T difference = values[i] - reference[i];
    T scaled = difference;
    if constexpr (weighted) scaled *= importance[i];
    gradient[i] += strength * scaled;
    sum += static_cast<double>(scaled) * static_cast<double>(difference);
  }
  return sum;
}

}  // namespace

double add_quadratic(const WeightContext& context, const at::Tensor& reference, const at::Tensor& importance,
                     double strength) {
  STET_ASSERT(reference.sizes() == context.values.sizes() && reference.scalar_type() == context.values.scalar_type());
  STET_ASSERT(!importance.defined() || (importance.sizes() == context.values.sizes() &&
                                        importance.scalar_type() == context.values.scalar_type()));
  return by_scalar_type(context.values.scalar_type(), [&]<class T>(T) {
    const T* const values = context.values.data_ptr<T>();
    const T* const start = reference.data_ptr<T>();
    const T* const factors = importance.defined() ? importance.data_ptr<T>() : nullptr;
    T* const gradient = context.gradients.data_ptr<T>();
    const T factor = static_cast<T>(strength);
    double sum = 0;
    for_each_trained(context, [&](std::size_t, const ParameterInfo& parameter) {
      const std::int64_t at = parameter.offset, count = parameter.count;
      sum += factors == nullptr ? pull<false, T>(values + at, start + at, nullptr, gradient + at, count, factor)
                                : pull<true, T>(values + at, start + at, factors + at, gradient + at, count, factor);
    });
    return 0.5 * strength * sum;
  });
}

AnchoredPenalty::AnchoredPenalty(std::string owner, AnchoredPenaltyOptions options)
    : owner_(std::move(owner)), options_(std::move(options)) {}

void AnchoredPenalty::check(const CheckContext& context) const {
  if (!off() && options_.reference) context.require_snapshot("reference", *options_.reference);
}

void AnchoredPenalty::set(at::Tensor importance, at::Tensor anchor) {
  importance_ = std::move(importance);
  anchor_ = std::move(anchor);
  mean_of_.clear();
}

void AnchoredPenalty::begin_phase(const PhaseContext& context, bool resumed,
                                  const std::function<at::Tensor(const at::Tensor& anchor)>& importance) {
  if (off()) return;
  if (options_.reference) {
    anchor_ = context.snapshots.get(*options_.reference);
  } else if (!resumed) {
    anchor_ = context.weights.clone();
  }
  if (!resumed) importance_ = importance(anchor_).to(context.weights.scalar_type());
  mean_of_.clear();
  require_fit(context.weights);
}

void AnchoredPenalty::require_fit(const at::Tensor& weights) const {
  if (empty()) return;
  stet::require_fit(importance_, weights, owner_, "importance");
  stet::require_fit(anchor_, weights, owner_, "anchor");
}

double AnchoredPenalty::add_gradient(const WeightContext& context) {
  if (off() || empty()) return 0;
  const double strength = options_.normalize ? options_.strength / mean_importance(context) : options_.strength;
  return add_quadratic(context, anchor_, importance_, strength);
}

double AnchoredPenalty::mean_importance(const WeightContext& context) {
  if (mean_of_ == context.trains) return mean_;
  double sum = 0, count = 0;
  for_each_trained(context, [&](std::size_t i, const ParameterInfo& parameter) {
    sum += context.table.view(importance_, i).sum(at::kDouble).item<double>();
    count += static_cast<double>(parameter.count);
  });
  mean_ = sum > 0 ? sum / count : 1.0;
  mean_of_ = context.trains;
  return mean_;
}

PluginState AnchoredPenalty::save() const {
  return state_of({{"importance", importance_}, {"anchor", options_.reference ? at::Tensor() : anchor_}});
}

void AnchoredPenalty::load(const PluginState& state) {
  set(tensor_of(state, "importance"), tensor_of(state, "anchor"));
}

}  // namespace stet
