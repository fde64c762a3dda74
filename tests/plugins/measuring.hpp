// For plugins that measure on examples: a small model in float64, sets of sequences, and derivatives by finite
// differences that use the model's forward pass alone.
#pragma once

#include "support.hpp"

#include <stet/train/example_store.hpp>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace stet::testing {

class MeasuringTest : public PluginTest {
 protected:
  MeasuringTest() {
    store_.add("known", [] { return sequences("known", 5); });
    store_.add("unknown", [] { return sequences("unknown", 3); });
    for (std::size_t i = 0; i < table_.size(); i += 3) some_[i] = false;
    snapshots_.weights["base"] = base_;
  }

  /// 4 to 7 tokens, of which the last 1 to 3 are predicted with loss.
  static std::vector<TokenSequence> sequences(std::string_view name, std::uint64_t count) {
    std::vector<TokenSequence> result;
    for (std::uint64_t i = 0; i < count; ++i) {
      Random random(5, name, i);
      TokenSequence sequence;
      const std::uint64_t length = 4 + random.below(4);
      for (std::uint64_t t = 0; t < length; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(11)));
      sequence.loss_begin = static_cast<std::uint32_t>(length - 1 - random.below(3));
      result.push_back(std::move(sequence));
    }
    return result;
  }

  [[nodiscard]] std::unique_ptr<Regularizer> make(const std::string& plugin, const std::string& text = "") {
    return registry_.regularizer(plugin).create(toml(text));
  }
  [[nodiscard]] PhaseContext phase(const at::Tensor& weights, const std::string& name = "main") const {
    return {name, model_, weights, snapshots_, store_};
  }
  [[nodiscard]] WeightContext at_step(const at::Tensor& values, const at::Tensor& gradients,
                                      const std::vector<bool>& trains, std::int64_t step = 0) const {
    return {table_, values, gradients, trains, snapshots_, store_, step};
  }
  /// What add_gradient adds at `values` to a gradient of zeros.
  at::Tensor added(Regularizer& regularizer, const at::Tensor& values, const std::vector<bool>& trains,
                   double* value = nullptr) const {
    const at::Tensor gradients = at::zeros_like(values);
    const double penalty = regularizer.add_gradient(at_step(values, gradients, trains));
    if (value != nullptr) *value = penalty;
    return gradients;
  }

  /// Logits [T, V] at the rows of a sequence that predict with loss, and the tokens there.
  [[nodiscard]] at::Tensor logits(const at::Tensor& weights, const TokenSequence& sequence) const {
    const PackedBatch batch = pack(std::span(&sequence, 1));
    const at::Tensor rows = at::tensor(batch.loss_rows);
    return model_.forward(weights, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr)
        .matmul(model_.head(weights).t());
  }
  [[nodiscard]] static at::Tensor targets(const TokenSequence& sequence) {
    return at::tensor(pack(std::span(&sequence, 1)).targets);
  }

  /// d f / d weight i for every i, by central differences: [n, ...].
  [[nodiscard]] static at::Tensor derivative(const at::Tensor& weights,
                                             const std::function<at::Tensor(const at::Tensor&)>& f) {
    constexpr double step = 1e-5;
    std::vector<at::Tensor> rows;
    at::Tensor moved = weights.clone();
    for (std::int64_t i = 0; i < weights.numel(); ++i) {
      double& element = moved.data_ptr<double>()[i];
      const double here = element;
      element = here + step;
      const at::Tensor up = f(moved);
      element = here - step;
      const at::Tensor down = f(moved);
      element = here;
      rows.push_back((up - down) / (2 * step));
    }
    return at::stack(rows);
  }

  /// 1 for elements of parameters that train, else 0.
  [[nodiscard]] at::Tensor mask(const std::vector<bool>& trains) const {
    at::Tensor result = at::zeros({table_.total()}, at::kDouble);
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (trains[i]) table_.view(result, i).fill_(1);
    }
    return result;
  }

  static void expect_close(const at::Tensor& ours, const at::Tensor& expected, double tolerance) {
    const double scale = expected.abs().max().item<double>();
    EXPECT_GT(scale, 0);
    EXPECT_LE((ours - expected).abs().max().item<double>(), tolerance * scale);
  }
  static bool same_state(const PluginState& a, const PluginState& b) {
    if (a.size() != b.size()) return false;
    for (const auto& [name, tensor] : a) {
      if (b.count(name) == 0 || hash_tensor(tensor) != hash_tensor(b.at(name))) return false;
    }
    return true;
  }
  /// The value that add_gradient returns against the gradient that it adds, along random directions.
  void expect_finite_differences(Regularizer& regularizer, const at::Tensor& values,
                                 const std::vector<bool>& trains) const {
    const at::Tensor gradient = added(regularizer, values, trains);
    for (int k = 0; k < 6; ++k) {
      const at::Tensor direction = normal({table_.total()}, "direction " + std::to_string(k)) * mask(trains);
      double up = 0, down = 0;
      (void)added(regularizer, values + 1e-5 * direction, trains, &up);
      (void)added(regularizer, values - 1e-5 * direction, trains, &down);
      const double expected = (up - down) / 2e-5;
      EXPECT_NEAR((gradient * direction).sum().item<double>(), expected, 1e-6 * std::max(1.0, std::abs(expected)));
    }
  }

  const Transformer model_{small_config()};
  const ParameterTable& table_ = model_.table();
  ExampleStore store_{model_, *alone_, 4};
  MapSnapshots snapshots_;
  const std::vector<bool> all_ = std::vector<bool>(table_.size(), true);
  std::vector<bool> some_ = all_;
  const at::Tensor base_ = normal({table_.total()}, "base", 0.4),
                   moved_ = base_ + normal({table_.total()}, "moved", 0.1);
};

}  // namespace stet::testing
