// Regularizers that declare a site and do not override its hook, and one whose site changes after it was made.
#include <stet/plugin.hpp>

namespace {
struct Parameters {};

class OutputsOnly final : public stet::Regularizer {
 public:
  explicit OutputsOnly(const Parameters&) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }
  [[nodiscard]] double add_gradient(const stet::WeightContext&) override { return 0; }
};

class WeightsOnly final : public stet::Regularizer {
 public:
  explicit WeightsOnly(const Parameters&) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override { return context.logits.sum(); }
};

class Turncoat final : public stet::Regularizer {
 public:
  explicit Turncoat(const Parameters&) {}
  [[nodiscard]] stet::Site site() const override { return asked_++ == 0 ? stet::Site::weights : stet::Site::outputs; }
  [[nodiscard]] double add_gradient(const stet::WeightContext&) override { return 0; }

 private:
  mutable int asked_ = 0;
};
}  // namespace

STET_PLUGIN("missing_hooks", "1.0", "stet") {
  using Schema = stet::config::Schema<Parameters>;
  registrar.regularizer<OutputsOnly>("outputs_only", "", Schema("regularizer.outputs_only"));
  registrar.regularizer<WeightsOnly>("weights_only", "", Schema("regularizer.weights_only"));
  registrar.regularizer<Turncoat>("turncoat", "", Schema("regularizer.turncoat"));
}
