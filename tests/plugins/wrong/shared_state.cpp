// Pulls towards a moving average of the weights, which all objects share.
#include "pull.hpp"

namespace {

at::Tensor& average() {
  static auto* const one = new at::Tensor;  // never destroyed: libtorch may be gone first
  return *one;
}

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (!resumed || !average().defined()) average() = context.weights.clone();
  }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    const double value = wrong::pull(context, average(), strength_);
    average() = 0.9 * average() + 0.1 * context.values;
    return value;
  }
  [[nodiscard]] stet::PluginState save() const override { return {{"average", average().clone()}}; }
  void load(const stet::PluginState& state) override { average() = state.at("average").clone(); }
};

}  // namespace

STET_PLUGIN("shared_state", "1.0", "stet") {
  registrar.regularizer<Wrong>("shared_state", "wrong on purpose", wrong::schema("shared_state"));
}
