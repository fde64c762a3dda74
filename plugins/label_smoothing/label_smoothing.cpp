// Label smoothing (Szegedy et al. 2016) as a term beside the cross-entropy. Formula and parameters: README.md.
#include <stet/plugin.hpp>

namespace {

struct Parameters {
  double epsilon = 0.1;
};

class LabelSmoothing final : public stet::Regularizer {
 public:
  explicit LabelSmoothing(const Parameters& parameters) : parameters_(parameters) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

  /// epsilon (CE(uniform) - CE(one-hot)): the two softmax denominators cancel, and what is left is linear in the
  /// logits.
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (parameters_.epsilon == 0) return at::zeros({}, at::TensorOptions().dtype(at::kDouble));
    const at::Tensor of_target = context.logits.gather(1, context.targets.unsqueeze(1)).squeeze(1);
    return parameters_.epsilon * (context.task_weights * (of_target - context.logits.mean(1))).sum();
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("label_smoothing", "1.1", "stet") {
  registrar
      .regularizer<LabelSmoothing>(
          "label_smoothing", "spreads a part of each target over the whole vocabulary (Szegedy et al. 2016)",
          stet::config::Schema<Parameters>("regularizer.label_smoothing")
              .field("epsilon", &Parameters::epsilon, "the part", stet::config::Limits{.min = 0, .max = 1}))
      .strength("epsilon");
}
