// A correct pull towards a moving average of the weights, but for save() and load().
#pragma once

#include "pull.hpp"

namespace wrong {

class TowardsAverage : public OnWeights {
 public:
  using OnWeights::OnWeights;
  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (!resumed || !average_.defined()) average_ = context.weights.clone();
  }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    const double value = pull(context, average_, strength_);
    average_ = 0.9 * average_ + 0.1 * context.values;
    return value;
  }

 protected:
  at::Tensor average_;
};

}  // namespace wrong
