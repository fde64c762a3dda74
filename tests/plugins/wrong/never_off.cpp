// At strength 0 something is left.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    return wrong::pull(context, context.snapshots.get("earlier"), strength_ + 1e-3);
  }
};

}  // namespace

STET_PLUGIN("never_off", "1.0", "stet") {
  registrar.regularizer<Wrong>("never_off", "wrong on purpose", wrong::schema("never_off"));
}
