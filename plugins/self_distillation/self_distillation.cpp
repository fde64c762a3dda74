// Self-distillation (arXiv 2604.15574, Eq. 1-2): the model is held to what a frozen snapshot of itself answers. Formula
// and parameters: README.md.
#include <stet/model/kernels_cpu.hpp>
#include <stet/plugin.hpp>

namespace {

enum class Direction { forward, reverse };

struct Parameters {
  double strength = 1.0;
  double temperature = 0.5;
  Direction direction = Direction::forward;
  stet::RowScope mask = stet::RowScope::answer;
  std::string teacher = "base";
};

/// The loss, and in the same pass over the logits its gradient, which backward only hands on.
class Distillation final : public torch::autograd::Function<Distillation> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& student, const at::Tensor& teacher,
                            const at::Tensor& weights, double tau, bool reverse) {
    at::Tensor gradient = at::empty_like(student, at::MemoryFormat::Contiguous);
    const double loss = student.scalar_type() == at::kDouble
                            ? run<double>(student, teacher, weights, gradient, tau, reverse)
                            : run<float>(student, teacher, weights, gradient, tau, reverse);
    context->saved_data["gradient"] = std::move(gradient);
    return at::scalar_tensor(loss, at::TensorOptions().dtype(at::kDouble));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& d_loss) {
    const double factor = d_loss[0].item<double>();
    at::Tensor gradient = context->saved_data["gradient"].toTensor();
    if (factor != 1.0) gradient = gradient * factor;
    return {gradient, {}, {}, {}, {}};
  }

 private:
  template <class T>
  static double run(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& weights, at::Tensor& gradient,
                    double tau, bool reverse) {
    const at::Tensor s = student.contiguous(), t = teacher.contiguous(), w = weights.contiguous();
    const std::int64_t rows = s.size(0), classes = s.size(1);
    std::vector<T> losses(static_cast<std::size_t>(rows));
    stet::kernels::distillation<T>(s.data_ptr<T>(), t.data_ptr<T>(), w.data_ptr<T>(), losses.data(), gradient.data_ptr<T>(),
                                   rows, classes, tau, reverse);
    double sum = 0;
    for (std::int64_t p = 0; p < rows; ++p) {
      sum += static_cast<double>(w.data_ptr<T>()[p]) * static_cast<double>(losses[static_cast<std::size_t>(p)]);
    }
    return sum;
  }
};

class SelfDistillation final : public stet::Regularizer {
 public:
  explicit SelfDistillation(const Parameters& parameters) : parameters_(parameters) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }
  /// At strength 0 no more rows are asked for than without the plugin, so that the run is plain fine-tuning bit for bit.
  [[nodiscard]] stet::RowScope scope() const override {
    return parameters_.strength == 0 ? stet::RowScope::answer : parameters_.mask;
  }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (parameters_.strength == 0) return at::zeros({}, at::TensorOptions().dtype(at::kDouble));
    const at::Tensor teacher = context.snapshot_logits(parameters_.teacher);
    return Distillation::apply(context.logits, teacher, context.row_weights * parameters_.strength, parameters_.temperature,
                               parameters_.direction == Direction::reverse);
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("self_distillation", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<SelfDistillation>(
      "self_distillation", "holds the outputs to those of a frozen snapshot (arXiv 2604.15574)",
      stet::config::Schema<Parameters>("regularizer.self_distillation")
          .field("strength", &Parameters::strength, "lambda, the weight of the term", Limits{.min = 0})
          .field("temperature", &Parameters::temperature, "tau, divides both models' logits", Limits{.min = 0, .open_min = true})
          .choice("direction", &Parameters::direction, {{"forward", Direction::forward}, {"reverse", Direction::reverse}},
                  "forward: KL(teacher || student); reverse: KL(student || teacher)")
          .choice("mask", &Parameters::mask, {{"answer", stet::RowScope::answer}, {"all", stet::RowScope::all}},
                  "positions: those that predict the answer, or all")
          .field("teacher", &Parameters::teacher, "snapshot: \"base\", or the name of a finished phase"));
}
