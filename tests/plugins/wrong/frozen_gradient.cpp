// Adds gradients to frozen parameters too.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (!context.trains[i]) context.table.view(context.gradients, i).add_(strength_);
    }
    return wrong::pull(context, context.snapshots.get("base"), strength_);
  }
};

}  // namespace

STET_PLUGIN("frozen_gradient", "1.0", "stet") {
  registrar.regularizer<Wrong>("frozen_gradient", "wrong on purpose", wrong::schema("frozen_gradient"));
}
