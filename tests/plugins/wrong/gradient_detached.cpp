// Half of the gradient is lost: one factor of the square is detached.
#include "pull.hpp"

namespace {

class Wrong final : public wrong::OnOutputs {
 public:
  using OnOutputs::OnOutputs;
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    return squares(context, context.logits.detach());
  }
};

}  // namespace

STET_PLUGIN("gradient_detached", "1.0", "stet") {
  registrar.regularizer<Wrong>("gradient_detached", "wrong on purpose", wrong::schema("gradient_detached"));
}
