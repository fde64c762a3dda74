#include <stet/base/error.hpp>
#include <stet/sdk/example_tools.hpp>

#include <algorithm>
#include <cmath>

namespace stet {

void refuse_held(const std::string& set, const std::string& owner) {
  if (set != "held") return;
  throw Error(ErrorKind::config, owner + ": 'held' facts judge a run, so nothing of them may enter its training")
      .at(owner + ".set")
      .expected("another set: \"known\", \"unknown\", \"validation\", \"pretraining\", ...")
      .received("\"held\"");
}

std::int64_t example_count(const Examples& examples, const std::string& set, std::int64_t limit) {
  const std::int64_t size = examples.size(set);
  return limit == 0 ? size : std::min(limit, size);
}

std::vector<std::int64_t> first_tokens(const Examples& examples, const std::string& set, const at::Tensor& weights) {
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(examples.size(set)), -1);
  constexpr std::int64_t group = 64;
  examples.for_each({set, 0, group}, weights, [&](const ExampleRows& rows) {
    const at::Tensor best = rows.logits.argmax(1).contiguous();
    for (std::size_t p = rows.sequence_of.size(); p-- > 0;) {  // the first row of an example is written last
      tokens.at(static_cast<std::size_t>(rows.first + rows.sequence_of[p])) = best.data_ptr<std::int64_t>()[p];
    }
  });
  return tokens;
}

at::Tensor distillation_gradient(const ExampleRows& rows, const at::Tensor& teacher, double tau, double lambda) {
  const at::NoGradGuard guard;
  const at::Tensor difference = at::softmax(rows.logits / tau, -1) - at::softmax(rows.logits_under(teacher) / tau, -1);
  return difference * weights_in_example(rows, lambda * tau).to(difference.scalar_type()).unsqueeze(1);
}

GradientSum sum_over_sets(const Examples& examples, const std::vector<std::string>& sets, std::int64_t limit,
                          std::int64_t group, const at::Tensor& weights,
                          const std::function<at::Tensor(const ExampleRows& rows)>& of) {
  const LogitGradients alone = [&](const ExampleRows& rows) { return std::vector<at::Tensor>{of(rows)}; };
  GradientSum total{at::zeros({weights.numel()}, at::kDouble)};
  for (const std::string& set : sets) {
    total.examples += static_cast<double>(example_count(examples, set, limit));
    total.sum.add_(examples.sum_gradients({set, limit, group}, weights, alone, add_up));
  }
  return total;
}

void add_up(const at::Tensor& gradient, std::size_t /*index*/, at::Tensor& sum) { sum.add_(gradient); }

void add_magnitudes(const at::Tensor& gradient, std::size_t /*index*/, at::Tensor& sum) {
  by_scalar_type(gradient.scalar_type(), [&]<class T>(T) {
    const T* __restrict__ const g = gradient.data_ptr<T>();
    double* __restrict__ const s = sum.data_ptr<double>();
    const std::int64_t count = gradient.numel();
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) s[i] += std::abs(static_cast<double>(g[i]));
    return 0;
  });
}

void add_squares(const at::Tensor& gradient, double factor, at::Tensor& sum) {
  by_scalar_type(gradient.scalar_type(), [&]<class T>(T) {
    const T* __restrict__ const g = gradient.data_ptr<T>();
    double* __restrict__ const s = sum.data_ptr<double>();
    const std::int64_t count = gradient.numel();
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) s[i] += factor * static_cast<double>(g[i]) * static_cast<double>(g[i]);
    return 0;
  });
}

}  // namespace stet
