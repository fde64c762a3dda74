// Regularizers whose output_loss, or add_gradient, returns what is no term: one class a mistake.
#include "pull.hpp"

#include <limits>

namespace {

using Kept = at::Tensor (*)(const stet::OutputContext&);

/// Off at strength 0, as it should be; else `make`.
template <Kept make>
class Output final : public wrong::OnOutputs {
 public:
  using OnOutputs::OnOutputs;
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    return strength_ == 0 ? at::zeros({}, at::kDouble) : make(context);
  }
};

at::Tensor rows(const stet::OutputContext& context) { return context.row_weights * context.logits.pow(2).sum(1); }
at::Tensor total(const stet::OutputContext& context) { return rows(context).sum(); }

at::Tensor undefined_term(const stet::OutputContext&) { return {}; }
at::Tensor vector_term(const stet::OutputContext& context) { return rows(context); }
at::Tensor integer_term(const stet::OutputContext&) { return at::ones({}, at::kLong); }
at::Tensor constant_term(const stet::OutputContext& context) { return total(context).detach(); }
at::Tensor stray_term(const stet::OutputContext& context) {
  return (at::ones({}, context.logits.options()).requires_grad_(true) * total(context).detach());
}
at::Tensor nan_term(const stet::OutputContext& context) {
  return total(context) * std::numeric_limits<double>::quiet_NaN();
}
at::Tensor nan_gradient(const stet::OutputContext& context) {
  return (context.hidden - context.hidden).abs().sqrt().sum() + total(context);
}
at::Tensor writes_logits(const stet::OutputContext& context) {
  const at::Tensor same = context.logits.detach();
  same.mul_(0.5);
  return total(context);
}

class InfinitePenalty final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& /*context*/) override {
    return strength_ == 0 ? 0 : std::numeric_limits<double>::infinity();
  }
};

/// In order until it writes the new weights, which were shown to it.
class WritesAfterStep final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    return strength_ == 0 ? 0 : wrong::pull(context, context.snapshots.get("earlier"), strength_);
  }
  void after_step(const stet::WeightContext& context) override {
    if (strength_ != 0) context.values.data_ptr<float>()[0] += 1e-3F;  // through a pointer: no version tells
  }
};

}  // namespace

STET_PLUGIN("terms", "1.0", "stet") {
  const auto add = [&]<class Class>(const char* name, Class*) {
    registrar.regularizer<Class>(name, "wrong on purpose", wrong::schema(name));
  };
  add("undefined_term", static_cast<Output<undefined_term>*>(nullptr));
  add("vector_term", static_cast<Output<vector_term>*>(nullptr));
  add("integer_term", static_cast<Output<integer_term>*>(nullptr));
  add("constant_term", static_cast<Output<constant_term>*>(nullptr));
  add("stray_term", static_cast<Output<stray_term>*>(nullptr));
  add("nan_term", static_cast<Output<nan_term>*>(nullptr));
  add("nan_gradient", static_cast<Output<nan_gradient>*>(nullptr));
  add("writes_logits", static_cast<Output<writes_logits>*>(nullptr));
  add("infinite_penalty", static_cast<InfinitePenalty*>(nullptr));
  add("writes_after_step", static_cast<WritesAfterStep*>(nullptr));
}
