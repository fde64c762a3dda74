#include <stet/plugin/examples.hpp>

namespace stet {

at::Tensor weights_in_example(const ExampleRows& rows, double total) {
  std::vector<double> count(rows.sequence_of.size()), weight;  // no more examples than rows
  for (const std::int32_t s : rows.sequence_of) ++count[static_cast<std::size_t>(s)];
  for (const std::int32_t s : rows.sequence_of) weight.push_back(total / count[static_cast<std::size_t>(s)]);
  return at::tensor(weight);
}

at::Tensor cross_entropy_gradient(const ExampleRows& rows) {
  const at::NoGradGuard guard;
  at::Tensor gradient = at::softmax(rows.logits, -1);
  gradient.scatter_add_(1, rows.targets.unsqueeze(1), at::full({rows.targets.size(0), 1}, -1.0, gradient.options()));
  return gradient.mul_(weights_in_example(rows).to(gradient.scalar_type()).unsqueeze(1));
}

}  // namespace stet
