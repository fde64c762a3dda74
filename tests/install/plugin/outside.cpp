// The plugin of the installation test: a label-smoothing term, because it touches tensors, configuration and errors.
#include <stet/plugin.hpp>
#include <stet/sdk/row_losses.hpp>

namespace {

struct Parameters {
  double strength = 0.1;
};

class Smoothing final : public stet::Regularizer {
 public:
  explicit Smoothing(const Parameters& parameters) : strength_(parameters.strength) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

  /// strength times the cross-entropy against the uniform distribution.
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (strength_ == 0) return stet::no_term();
    const at::Tensor uniform = -at::log_softmax(context.logits, -1).mean(-1);
    return strength_ * (context.row_weights * uniform).sum();
  }

 private:
  double strength_;
};

}  // namespace

STET_PLUGIN("outside", "1.0", "the installation test") {
  registrar.regularizer<Smoothing>(
      "outside", "label smoothing",
      stet::config::Schema<Parameters>("regularizer.outside")
          .field("strength", &Parameters::strength, "weight of the uniform target", stet::config::Limits{.min = 0}));
}
