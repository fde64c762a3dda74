// Throws in the middle of training.
#include "pull.hpp"

#include <stdexcept>

namespace {

class Wrong final : public wrong::OnOutputs {
 public:
  using OnOutputs::OnOutputs;
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (strength_ != 0 && ++calls_ > 9) throw std::out_of_range("no tenth call");
    return squares(context, context.logits);
  }

 private:
  int calls_ = 0;
};

}  // namespace

STET_PLUGIN("throws_late", "1.0", "stet") {
  registrar.regularizer<Wrong>("throws_late", "wrong on purpose", wrong::schema("throws_late"));
}
