// Going over flat weights parameter by parameter: those that train, or all of them by role and by layer.
#pragma once

#include <stet/plugin/regularizer.hpp>

#include <cstddef>
#include <map>

namespace stet {

/// Calls visit(index, parameter) for every parameter that trains, in the order of the table.
template <class Visit>
void for_each_trained(const WeightContext& context, Visit&& visit) {
  for (std::size_t i = 0; i < context.table.size(); ++i) {
    if (context.trains[i]) visit(i, context.table[i]);
  }
}

/// sqrt(sum (a_i - b_i)^2) over the parameters that train, in float64. `a`, `b`: flat; `b` undefined: the norm of `a`.
[[nodiscard]] double trainable_norm(const WeightContext& context, const at::Tensor& a, const at::Tensor& b = {});

/// Inner products of two vectors a and b with each other and with themselves.
struct InnerProducts {
  double ab = 0, aa = 0, bb = 0;
  void add(const InnerProducts& other);
  /// 0 if one of the two is zero.
  [[nodiscard]] double cosine() const;
};

/// The same of two flat vectors (weights, gradients), added up over parameters.
struct ProductsByParameter {
  InnerProducts all;
  std::map<Role, InnerProducts> by_role;
  std::map<int, InnerProducts> by_layer;  ///< l: block l, from 1; what is in no block is left out
};
/// `a`, `b`: flat [table.total()], of one type.
[[nodiscard]] ProductsByParameter products_by_parameter(const ParameterTable& table, const at::Tensor& a,
                                                        const at::Tensor& b);

}  // namespace stet
