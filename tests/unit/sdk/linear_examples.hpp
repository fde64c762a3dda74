// Examples of a linear model, logits = hidden * W^T with W [V, d] as the flat weights: what plugins sum over examples
// can be checked against a few lines of algebra.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/plugin/examples.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stet::testing {

/// Standard normal numbers, the same for the same purpose.
inline at::Tensor normal_numbers(at::IntArrayRef shape, std::string_view purpose) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  Random random(7, purpose);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<double>()[i] = random.normal();
  return tensor;
}

class LinearExamples final : public Examples {
 public:
  static constexpr std::int64_t vocabulary = 5, width = 3;

  struct Example {
    at::Tensor hidden, targets;  // [rows, width], [rows]
  };

  /// One example for each number of rows.
  void add(const std::string& set, const std::vector<std::int64_t>& rows) {
    for (const std::int64_t count : rows) {
      const std::string name = set + std::to_string(examples[set].size());
      at::Tensor targets = at::empty({count}, at::kLong);
      Random random(11, name);
      for (std::int64_t i = 0; i < count; ++i) {
        targets.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(random.uniform() * vocabulary);
      }
      examples[set].push_back({normal_numbers({count, width}, name), targets});
    }
  }
  static at::Tensor logits(const Example& example, const at::Tensor& weights) {
    return example.hidden.matmul(weights.view({vocabulary, width}).t());
  }

  [[nodiscard]] std::vector<std::string> sets() const override {
    std::vector<std::string> names;
    for (const auto& [name, those] : examples) names.push_back(name);
    return names;
  }
  [[nodiscard]] std::int64_t size(const std::string& set) const override {
    if (!examples.contains(set)) throw Error(ErrorKind::config, "there is no set of examples '" + set + "'");
    return static_cast<std::int64_t>(examples.at(set).size());
  }
  [[nodiscard]] at::Tensor sum_gradients(
      const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
      const std::function<void(const at::Tensor&, std::size_t, at::Tensor&)>& add_to) const override {
    at::Tensor sum = at::zeros({vocabulary * width}, at::kDouble);
    for_each(range, weights, [&](const ExampleRows& rows) {
      const std::vector<at::Tensor> pulls = of(rows);
      for (std::size_t k = 0; k < pulls.size(); ++k) add_to(pulls[k].t().matmul(rows.hidden).flatten(), k, sum);
    });
    return sum;
  }
  [[nodiscard]] at::Tensor map_gradients(const ExampleRange&, const at::Tensor&, const LogitGradients&,
                                         const std::function<std::vector<double>(const at::Tensor&)>&) const override {
    throw std::logic_error("not used");
  }
  void for_each(const ExampleRange& range, const at::Tensor& weights,
                const std::function<void(const ExampleRows&)>& visit) const override {
    const std::int64_t all = size(range.set), count = range.limit > 0 ? std::min(range.limit, all) : all;
    for (std::int64_t first = 0; first < count; first += range.group) {
      std::vector<at::Tensor> hidden, targets;
      std::vector<std::int32_t> sequence_of;
      for (std::int64_t i = first; i < std::min(first + range.group, count); ++i) {
        const Example& example = examples.at(range.set)[static_cast<std::size_t>(i)];
        hidden.push_back(example.hidden);
        targets.push_back(example.targets);
        sequence_of.insert(sequence_of.end(), static_cast<std::size_t>(example.hidden.size(0)),
                           static_cast<std::int32_t>(i - first));
      }
      const Example together{at::cat(hidden), at::cat(targets)};
      visit({together.hidden, logits(together, weights), together.targets, sequence_of, first,
             [&](const at::Tensor& other) { return logits(together, other); }});
    }
  }

  std::map<std::string, std::vector<Example>> examples;
};

}  // namespace stet::testing
