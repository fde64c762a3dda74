// The same moving average, in order: nothing is wrong with this one.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (!resumed || !average_.defined()) average_ = context.weights.clone();
  }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    const double value = wrong::pull(context, average_, strength_);
    average_ = 0.9 * average_ + 0.1 * context.values;
    return value;
  }
  [[nodiscard]] stet::PluginState save() const override { return {{"average", average_}}; }
  void load(const stet::PluginState& state) override { average_ = state.at("average").clone(); }

 private:
  at::Tensor average_;
};

}  // namespace

STET_PLUGIN("keeps_state", "1.0", "stet") { registrar.regularizer<Wrong>("keeps_state", "wrong on purpose", wrong::schema("keeps_state")); }
