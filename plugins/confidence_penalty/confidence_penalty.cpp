// The confidence penalty (Pereyra et al. 2017): low entropy costs. Formula and parameters: README.md.
#include <stet/plugin.hpp>

namespace {

struct Parameters {
  double beta = 0.1;
};

class ConfidencePenalty final : public stet::Regularizer {
 public:
  explicit ConfidencePenalty(const Parameters& parameters) : parameters_(parameters) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (parameters_.beta == 0) return at::zeros({}, at::TensorOptions().dtype(at::kDouble));
    const at::Tensor log_q = at::log_softmax(context.logits, 1);
    return parameters_.beta * (context.row_weights * (log_q.exp() * log_q).sum(1)).sum();
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("confidence_penalty", "1.0", "stet") {
  registrar
      .regularizer<ConfidencePenalty>(
          "confidence_penalty", "rewards the entropy of what is predicted (Pereyra et al. 2017)",
          stet::config::Schema<Parameters>("regularizer.confidence_penalty")
              .field("beta", &Parameters::beta, "the weight of the entropy", stet::config::Limits{.min = 0}))
      .strength("beta");
}
