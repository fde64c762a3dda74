// The quadratic penalty of several plugins: strength/2 * sum_i F_i (w_i - ref_i)^2 over the parameters that train, and
// its gradient strength * F_i (w_i - ref_i), in one pass. Header only; what F is and where it comes from is the
// plugin's matter.
#pragma once

#include <stet/base/error.hpp>
#include <stet/plugin.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace stet::plugins {

/// gradient += strength * F * (value - reference); returns sum F (value - reference)^2. Without `weighted` F is 1 and
/// `importance` is not read; an importance of ones gives the same bits.
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

/// Adds the penalty's gradient to `context.gradients` and returns its value. `reference` and `importance`: flat, in the
/// weights' type; `importance` undefined: all ones. Frozen parameters are left alone.
inline double add_quadratic(const WeightContext& context, const at::Tensor& reference, const at::Tensor& importance,
                            double strength) {
  STET_ASSERT(reference.sizes() == context.values.sizes() && reference.scalar_type() == context.values.scalar_type());
  STET_ASSERT(!importance.defined() || (importance.sizes() == context.values.sizes() &&
                                        importance.scalar_type() == context.values.scalar_type()));
  return by_scalar_type(context.values.scalar_type(), [&]<class T>(T) {
    const T* const values = context.values.data_ptr<T>();
    const T* const start = reference.data_ptr<T>();
    const T* const factors = importance.defined() ? importance.data_ptr<T>() : nullptr;
    T* const gradient = context.gradients.data_ptr<T>();
    double sum = 0;
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (!context.trains[i]) continue;
      const std::int64_t offset = context.table[i].offset, count = context.table[i].count;
      sum += factors == nullptr ? pull<false, T>(values + offset, start + offset, nullptr, gradient + offset, count,
                                                 static_cast<T>(strength))
                                : pull<true, T>(values + offset, start + offset, factors + offset, gradient + offset,
                                                count, static_cast<T>(strength));
    }
    return 0.5 * strength * sum;
  });
}

/// sqrt(sum (a_i - b_i)^2) over the parameters that train, in float64. `b` undefined: the norm of `a`.
inline double trainable_norm(const ParameterTable& table, const std::vector<bool>& trains, const at::Tensor& a,
                             const at::Tensor& b = {}) {
  double squares = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!trains[i]) continue;
    at::Tensor part = table.view(a, i).to(at::kDouble);
    if (b.defined()) part = part - table.view(b, i);
    squares += part.square().sum().item<double>();
  }
  return std::sqrt(squares);
}

/// Importance F and anchor ref of a quadratic penalty that weighs weights differently, as members of a plugin hold
/// them.
class AnchoredPenalty {
 public:
  at::Tensor importance, anchor;  ///< flat, in the weights' type; undefined: there is none yet

  [[nodiscard]] bool defined() const { return importance.defined() && anchor.defined(); }

  /// See add_quadratic. `normalize`: F is divided by its mean over what trains (if that is above 0), so that strengths
  /// can be compared between estimators, data and models. Not defined(): 0, and nothing is added.
  [[nodiscard]] double add_gradient(const WeightContext& context, double strength, bool normalize) {
    if (!defined()) return 0;
    return add_quadratic(context, anchor, importance, normalize ? strength / scale(context) : strength);
  }

  /// Throws Error (checkpoint) if what was loaded does not fit the weights. `who`: the plugin's name.
  void check(const at::Tensor& weights, const char* who) const {
    for (const at::Tensor& tensor : {importance, anchor}) {
      if (!tensor.defined() || (tensor.sizes() == weights.sizes() && tensor.scalar_type() == weights.scalar_type()))
        continue;
      throw Error(ErrorKind::checkpoint, "the plugin's state does not fit the model")
          .at(who)
          .expected(fmt::format("{} elements of the weights' type", weights.numel()))
          .received(fmt::format("{} elements", tensor.numel()));
    }
  }
  /// Forgets what is known of the present `importance`: call it after a change.
  void changed() { mean_of_.clear(); }

 private:
  [[nodiscard]] double scale(const WeightContext& context) {
    if (mean_of_ != context.trains) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < context.table.size(); ++i) {
        if (!context.trains[i]) continue;
        sum += context.table.view(importance, i).sum(at::kDouble).item<double>();
        count += static_cast<double>(context.table[i].count);
      }
      mean_ = sum > 0 ? sum / count : 1.0;
      mean_of_ = context.trains;
    }
    return mean_;
  }

  std::vector<bool> mean_of_;  // what trained when mean_ was computed
  double mean_ = 1;
};

}  // namespace stet::plugins
