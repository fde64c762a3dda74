#include <stet/sdk/weight_walk.hpp>

#include <cmath>

namespace stet {

double trainable_norm(const WeightContext& context, const at::Tensor& a, const at::Tensor& b) {
  double squares = 0;
  for_each_trained(context, [&](std::size_t i, const ParameterInfo&) {
    at::Tensor part = context.table.view(a, i).to(at::kDouble);
    if (b.defined()) part = part - context.table.view(b, i);
    squares += part.square().sum().item<double>();
  });
  return std::sqrt(squares);
}

void InnerProducts::add(const InnerProducts& other) {
  ab += other.ab;
  aa += other.aa;
  bb += other.bb;
}

double InnerProducts::cosine() const {
  const double lengths = std::sqrt(aa) * std::sqrt(bb);
  return lengths > 0 ? ab / lengths : 0.0;
}

ProductsByParameter products_by_parameter(const ParameterTable& table, const at::Tensor& a, const at::Tensor& b) {
  ProductsByParameter sums;
  for (const ParameterInfo& parameter : table.entries()) {
    const at::Tensor x = a.narrow(0, parameter.offset, parameter.count),
                     y = b.narrow(0, parameter.offset, parameter.count);
    const InnerProducts products{x.dot(y).item<double>(), x.dot(x).item<double>(), y.dot(y).item<double>()};
    sums.all.add(products);
    sums.by_role[parameter.role].add(products);
    if (parameter.layer >= 0) sums.by_layer[parameter.layer + 1].add(products);
  }
  return sums;
}

}  // namespace stet
