#include <stet/plugin/examples.hpp>

namespace stet {

at::Tensor cross_entropy_gradient(const ExampleRows& rows) {
  const at::NoGradGuard guard;
  at::Tensor gradient = at::softmax(rows.logits, -1);
  gradient.scatter_add_(1, rows.targets.unsqueeze(1), at::full({rows.targets.size(0), 1}, -1.0, gradient.options()));
  std::vector<std::int64_t> count(rows.sequence_of.empty() ? 0 : static_cast<std::size_t>(rows.sequence_of.back()) + 1);
  for (const std::int32_t s : rows.sequence_of) ++count[static_cast<std::size_t>(s)];
  std::vector<double> weight;
  for (const std::int32_t s : rows.sequence_of)
    weight.push_back(1.0 / static_cast<double>(count[static_cast<std::size_t>(s)]));
  return gradient.mul_(at::tensor(weight).to(gradient.scalar_type()).unsqueeze(1));
}

}  // namespace stet
