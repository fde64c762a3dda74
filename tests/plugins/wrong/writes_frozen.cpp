// Pulls everything, by writing into the weights where no gradient counts.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (!context.trains[i]) context.table.view(context.values, i).mul_(0.999);
    }
    return wrong::pull(context, context.snapshots.get("base"), strength_);
  }
};

}  // namespace

STET_PLUGIN("writes_frozen", "1.0", "stet") {
  registrar.regularizer<Wrong>("writes_frozen", "wrong on purpose", wrong::schema("writes_frozen"));
}
