#include <stet/model/autograd.hpp>
#include <stet/model/kernels_cpu.hpp>
#include <stet/sdk/row_losses.hpp>

#include <cstdint>

namespace stet {

namespace {

class KnownGradient final : public torch::autograd::Function<KnownGradient> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& /*input*/, double value,
                            const at::Tensor& gradient) {
    context->saved_data["gradient"] = gradient;
    return at::scalar_tensor(value, at::TensorOptions().dtype(at::kDouble));
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& d_value) {
    const double factor = d_value[0].item<double>();
    at::Tensor gradient = context->saved_data["gradient"].toTensor();
    if (factor != 1.0) gradient = gradient * factor;
    return {gradient, {}, {}};
  }
};

/// sum over rows of weights[p] * losses[p], in float64.
template <class T>
double weighted_sum(const std::vector<T>& losses, const T* weights) {
  double sum = 0;
  for (std::size_t p = 0; p < losses.size(); ++p)
    sum += static_cast<double>(weights[p]) * static_cast<double>(losses[p]);
  return sum;
}

}  // namespace

at::Tensor no_term() { return at::zeros({}, at::TensorOptions().dtype(at::kDouble)); }

at::Tensor known_gradient(const at::Tensor& input, double value, const at::Tensor& gradient) {
  return KnownGradient::apply(input, value, gradient);
}

std::vector<std::pair<std::string, KlDirection>> kl_directions() {
  return {{"forward", KlDirection::forward}, {"reverse", KlDirection::reverse}};
}

at::Tensor distillation_loss(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& weights,
                             double tau, KlDirection direction) {
  at::Tensor gradient;
  const double loss = by_scalar_type(student.scalar_type(), [&]<class T>(T) {
    const at::NoGradGuard guard;
    const at::Tensor s = student.contiguous(), t = teacher.contiguous(), w = weights.contiguous();
    gradient = at::empty_like(s);
    std::vector<T> losses(static_cast<std::size_t>(s.size(0)));
    kernels::distillation<T>(s.data_ptr<T>(), t.data_ptr<T>(), w.data_ptr<T>(), losses.data(), gradient.data_ptr<T>(),
                             s.size(0), s.size(1), tau, direction == KlDirection::reverse);
    return weighted_sum(losses, w.data_ptr<T>());
  });
  return known_gradient(student, loss, gradient);
}

at::Tensor cross_entropy_loss(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& weights) {
  at::Tensor gradient;
  const double loss = by_scalar_type(logits.scalar_type(), [&]<class T>(T) {
    const at::NoGradGuard guard;
    const at::Tensor z = logits.contiguous(), w = weights.contiguous(), y = targets.contiguous();
    gradient = at::empty_like(z);
    std::vector<T> losses(static_cast<std::size_t>(z.size(0)));
    kernels::cross_entropy<T>(z.data_ptr<T>(), y.data_ptr<std::int64_t>(), w.data_ptr<T>(), losses.data(),
                              gradient.data_ptr<T>(), nullptr, z.size(0), z.size(1));
    return weighted_sum(losses, w.data_ptr<T>());
  });
  return known_gradient(logits, loss, gradient);
}

}  // namespace stet
