// Replay: a part of every step is training on other texts, real ones or ones that the base wrote itself. Formula and
// parameters: README.md.
#include <stet/model/autograd.hpp>
#include <stet/model/kernels_cpu.hpp>
#include <stet/plugin.hpp>

namespace {

struct Parameters {
  double weight = 1.0;
  std::string source = "pretraining";
  std::int64_t per_step = 16;
};

/// sum over rows of weights[p] * cross-entropy, in float64, with its gradient from the same pass over the logits.
class CrossEntropy final : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& logits,
                            const at::Tensor& targets, const at::Tensor& weights) {
    at::Tensor gradient = at::empty_like(logits, at::MemoryFormat::Contiguous);
    const double loss = stet::by_scalar_type(logits.scalar_type(), [&]<class T>(T) {
      const at::Tensor z = logits.contiguous(), w = weights.contiguous(), y = targets.contiguous();
      std::vector<T> losses(static_cast<std::size_t>(z.size(0)));
      stet::kernels::cross_entropy<T>(z.data_ptr<T>(), y.data_ptr<std::int64_t>(), w.data_ptr<T>(), losses.data(),
                                      gradient.data_ptr<T>(), nullptr, z.size(0), z.size(1));
      double sum = 0;
      for (std::size_t p = 0; p < losses.size(); ++p) {
        sum += static_cast<double>(w.data_ptr<T>()[p]) * static_cast<double>(losses[p]);
      }
      return sum;
    });
    context->saved_data["gradient"] = std::move(gradient);
    return at::scalar_tensor(loss, at::TensorOptions().dtype(at::kDouble));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& d_loss) {
    const double factor = d_loss[0].item<double>();
    at::Tensor gradient = context->saved_data["gradient"].toTensor();
    if (factor != 1.0) gradient = gradient * factor;
    return {gradient, {}, {}};
  }
};

class Replay final : public stet::Regularizer {
 public:
  explicit Replay(const Parameters& parameters) : parameters_(parameters) {
    if (parameters.source == "held" || parameters.source == "validation") {
      throw stet::Error(stet::ErrorKind::config, "the facts that measure a run cannot be replayed in it")
          .at("regularizer.replay.source")
          .expected("\"pretraining\", \"pretraining_not_held\", \"self_generated\", \"neutral\", \"known\"")
          .received("\"" + parameters.source + "\"")
          .hint("\"pretraining\" holds texts about all base facts, the held ones among them");
    }
  }

  void check(const stet::CheckContext& context) const override {
    if (parameters_.weight != 0) context.require_examples("source", parameters_.source);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

  [[nodiscard]] std::optional<stet::Rehearsal> rehearsal() const override {
    if (parameters_.weight == 0) return std::nullopt;
    return stet::Rehearsal{parameters_.source, parameters_.per_step};
  }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (parameters_.weight == 0) return at::zeros({}, at::TensorOptions().dtype(at::kDouble));
    return CrossEntropy::apply(context.logits, context.targets, context.row_weights * parameters_.weight);
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("replay", "1.0", "stet") {
  using stet::config::Limits;
  registrar
      .regularizer<Replay>(
          "replay", "trains on other texts beside the batch: real ones, or what the base wrote itself",
          stet::config::Schema<Parameters>("regularizer.replay")
              .field("weight", &Parameters::weight, "of the replayed texts' mean loss", Limits{.min = 0})
              .field("source", &Parameters::source,
                     "set of examples: \"pretraining\", \"pretraining_not_held\", \"self_generated\", \"neutral\", "
                     "\"known\"")
              .field("per_step", &Parameters::per_step, "sequences a step, over all ranks", Limits{.min = 1}))
      .strength("weight");
}
