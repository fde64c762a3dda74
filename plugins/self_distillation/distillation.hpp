// The distillation loss of a batch of rows as an autograd function, so that a regularizer can return it.
#pragma once

#include <stet/model/autograd.hpp>
#include <stet/model/kernels_cpu.hpp>

#include <utility>
#include <vector>

/// sum over rows of weights[p] * tau^2 * KL at temperature tau, in float64; see stet::kernels::distillation. Loss and
/// gradient come from one pass over the logits, and backward only hands the gradient on. The teacher gets none.
class Distillation final : public torch::autograd::Function<Distillation> {
 public:
  /// student, teacher: [P, V]; weights: [P]; all of one type.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& student,
                            const at::Tensor& teacher, const at::Tensor& weights, double tau, bool reverse) {
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
  static double run(const at::Tensor& student, const at::Tensor& teacher, const at::Tensor& weights,
                    at::Tensor& gradient, double tau, bool reverse) {
    const at::Tensor s = student.contiguous(), t = teacher.contiguous(), w = weights.contiguous();
    const std::int64_t rows = s.size(0), classes = s.size(1);
    std::vector<T> losses(static_cast<std::size_t>(rows));
    stet::kernels::distillation<T>(s.data_ptr<T>(), t.data_ptr<T>(), w.data_ptr<T>(), losses.data(),
                                   gradient.data_ptr<T>(), rows, classes, tau, reverse);
    double sum = 0;
    for (std::int64_t p = 0; p < rows; ++p) {
      sum += static_cast<double>(w.data_ptr<T>()[p]) * static_cast<double>(losses[static_cast<std::size_t>(p)]);
    }
    return sum;
  }
};
