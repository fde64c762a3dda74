// What the deliberately wrong regularizers share: a correct pull of the weights towards a target. Each does one thing
// wrong.
#pragma once

#include <stet/plugin.hpp>

namespace wrong {

struct Parameters {
  double strength = 0.05;
};

inline stet::config::Schema<Parameters> schema(const std::string& name) {
  return stet::config::Schema<Parameters>("regularizer." + name)
      .field("strength", &Parameters::strength, "weight of the term", stet::config::Limits{.min = 0});
}

/// gradient += factor * strength * (value - target) where something trains; returns strength/2 times the squared
/// distance.
inline double pull(const stet::WeightContext& context, const at::Tensor& target, double strength, double factor = 1) {
  double value = 0;
  for (std::size_t i = 0; i < context.table.size(); ++i) {
    if (!context.trains[i]) continue;
    const at::Tensor difference = context.table.view(context.values, i) - context.table.view(target, i);
    context.table.view(context.gradients, i).add_(difference, factor * strength);
    value += 0.5 * strength * difference.to(at::kDouble).pow(2).sum().item<double>();
  }
  return value;
}

class OnWeights : public stet::Regularizer {
 public:
  explicit OnWeights(const Parameters& parameters) : strength_(parameters.strength) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

 protected:
  double strength_;
};

class OnOutputs : public stet::Regularizer {
 public:
  explicit OnOutputs(const Parameters& parameters) : strength_(parameters.strength) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

 protected:
  /// strength times the weighted mean of the squared logits.
  [[nodiscard]] at::Tensor squares(const stet::OutputContext& context, const at::Tensor& other) const {
    if (strength_ == 0) return at::zeros({}, at::kDouble);
    return strength_ * (context.row_weights * (context.logits * other).sum(1)).sum();
  }
  double strength_;
};

}  // namespace wrong
