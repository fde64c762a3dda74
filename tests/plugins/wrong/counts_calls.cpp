// The strength grows with every call in this process, whoever makes it.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    static int calls = 0;
    return strength_ == 0 ? 0
                          : wrong::pull(context, context.snapshots.get("earlier"), strength_ * (1 + 0.01 * ++calls));
  }
};

}  // namespace

STET_PLUGIN("counts_calls", "1.0", "stet") {
  registrar.regularizer<Wrong>("counts_calls", "wrong on purpose", wrong::schema("counts_calls"));
}
