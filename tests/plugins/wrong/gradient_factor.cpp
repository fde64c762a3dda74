// The gradient is twice what the value says.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    return strength_ == 0 ? 0 : wrong::pull(context, context.snapshots.get("base"), strength_, 2);
  }
};

}  // namespace

STET_PLUGIN("gradient_factor", "1.0", "stet") {
  registrar.regularizer<Wrong>("gradient_factor", "wrong on purpose", wrong::schema("gradient_factor"));
}
