#include <stet/plugin/examples.hpp>
#include <stet/plugin/tools/example_tools.hpp>

namespace stet {

at::Tensor cross_entropy_gradient(const ExampleRows& rows) {
  const at::NoGradGuard guard;
  at::Tensor gradient = at::softmax(rows.logits, -1);
  gradient.scatter_add_(1, rows.targets.unsqueeze(1), at::full({rows.targets.size(0), 1}, -1.0, gradient.options()));
  return gradient.mul_(weights_in_example(rows).to(gradient.scalar_type()).unsqueeze(1));
}

}  // namespace stet
