// The update of a step: weight-site regularizers, clipping, AdamW, low-rank factors.
#include <stet/train/trainer.hpp>

#include <stet/base/error.hpp>
#include <stet/plugin/handover.hpp>
#include <stet/train/adamw.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace stet {

void Trainer::update(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps) {
  const at::NoGradGuard guard;
  const WeightContext context = weight_context(gradient);
  // Writes through pointers cost two passes over memory to find: looked for in a phase's first step and as often as
  // replicas are compared.
  const bool closely = optimizer_.step == 0 ||
                       (options_.replica_check_steps > 0 && (optimizer_.step + 1) % options_.replica_check_steps == 0);
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    if (acting_[i].site != Site::weights) continue;
    const ActiveRegularizer& regularizer = regularizers_[i];
    report.penalties[i] = hook(regularizer, "add_gradient", [&] {
      const Lent values(weights_, closely);
      const double value = regularizer.object->add_gradient(context);
      values.refuse_write("the weights");
      if (std::isfinite(report.task_loss)) check_penalty(value);
      return value;
    });
  }
  report.loss = report.task_loss;
  for (const double penalty : report.penalties) report.loss += penalty;
  apply(gradient, report, total_steps);
  for (const ActiveRegularizer& regularizer : regularizers_) {
    hook(regularizer, "after_step", [&] {
      const Lent values(weights_, closely), whole(gradient, closely);
      regularizer.object->after_step(context);
      values.refuse_write("the weights");
      whole.refuse_write("the gradient");
    });
  }
}

WeightContext Trainer::weight_context(const at::Tensor& gradient) const {
  return {model_.table(), weights_, gradient, trains_, *snapshots_, examples_, optimizer_.step, masks_};
}

/// Asked again, into zeros, once the whole gradient is known to be of no use: the run ends with it. Empty: none of
/// them.
std::string Trainer::who_is_not_finite() const {
  for (std::size_t i = 0; i < regularizers_.size(); ++i) {
    if (acting_[i].site != Site::weights) continue;
    const ActiveRegularizer& regularizer = regularizers_[i];
    const at::Tensor alone = at::zeros_like(weights_);
    try {
      static_cast<void>(
          hook(regularizer, "add_gradient", [&] { return regularizer.object->add_gradient(weight_context(alone)); }));
    } catch (const Error&) {
      continue;  // it has no answer a second time
    }
    if (!all_finite(alone)) return regularizer.name;
  }
  return "";
}

void Trainer::apply(const at::Tensor& gradient, StepReport& report, std::int64_t total_steps) {
  const at::NoGradGuard guard;
  by_scalar_type(weights_.scalar_type(), [&]<class T>(T) {
    T* const g = gradient.data_ptr<T>();
    double squares = 0;
    for (const Range& range : ranges_) {
      if (range.mask != nullptr) {
        for (std::int64_t k = 0; k < range.count; ++k) {
          if (range.mask[k] == 0) g[range.offset + k] = T(0);
        }
      }
      squares += sum_of_squares(g + range.offset, range.count);
    }
    at::Tensor factor_gradient;
    if (!low_rank_.empty()) {
      factor_gradient = low_rank_.project(gradient, optimizer_.factors);
      squares += sum_of_squares(factor_gradient.data_ptr<T>(), low_rank_.elements());
    }
    report.gradient_norm = std::sqrt(squares);
    report.learning_rate = rate_at(options_, optimizer_.step, total_steps);
    if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
      const std::string guilty = std::isfinite(report.loss) ? who_is_not_finite() : "";
      throw Error(ErrorKind::numerical, !std::isfinite(report.loss) ? "the loss is not finite"
                                        : guilty.empty()
                                            ? "the gradient is not finite"
                                            : "the gradient is not finite: regularizer '" + guilty + "', add_gradient")
          .at("step " + std::to_string(optimizer_.step))
          .received(fmt::format("loss {}, gradient norm {}, learning rate {}", report.loss, report.gradient_norm,
                                report.learning_rate))
          .hint("lower train.learning_rate, or set train.warmup_steps and train.clip");
    }
    ++optimizer_.step;
    const double scale =
        options_.clip > 0 && report.gradient_norm > options_.clip ? options_.clip / report.gradient_norm : 1.0;
    for (const Range& range : ranges_) {
      const AdamWStep adamw{report.learning_rate,
                            options_.beta1,
                            options_.beta2,
                            options_.epsilon,
                            range.decays ? options_.weight_decay : 0.0,
                            optimizer_.step};
      adamw_update(adamw, weights_.data_ptr<T>() + range.offset, g + range.offset,
                   optimizer_.first.data_ptr<T>() + range.state, optimizer_.second.data_ptr<T>() + range.state,
                   range.mask, range.count, scale);
    }
    if (!low_rank_.empty()) apply_low_rank(factor_gradient, report.learning_rate, scale);
    return 0;
  });
}

/// AdamW on the factors, and the merged weights.
void Trainer::apply_low_rank(const at::Tensor& factor_gradient, double rate, double scale) {
  by_scalar_type(weights_.scalar_type(), [&]<class T>(T) {
    const std::int64_t moments = trainable_ - low_rank_.elements();
    for (const LowRankUpdates::Part& part : low_rank_.parts()) {
      const AdamWStep adamw{
          rate,           options_.beta1, options_.beta2, options_.epsilon, part.decays ? options_.weight_decay : 0.0,
          optimizer_.step};
      adamw_update<T>(adamw, optimizer_.factors.data_ptr<T>() + part.a, factor_gradient.data_ptr<T>() + part.a,
                      optimizer_.first.data_ptr<T>() + moments + part.a,
                      optimizer_.second.data_ptr<T>() + moments + part.a, nullptr, part.count(), scale);
    }
    return 0;
  });
  low_rank_.merge(optimizer_.factors, weights_);
}

}  // namespace stet
