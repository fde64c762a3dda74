// Two regularizers without save(): what one forgets shows in the value of its term alone, what the other forgets in the
// next phase alone.
#include "pull.hpp"

namespace {

/// A baseline is taken from the value: no gradient knows of it.
class ForgetsValue final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (strength_ == 0) return 0;
    const double value = wrong::pull(context, context.snapshots.get("earlier"), strength_), result = value - baseline_;
    baseline_ = 0.9 * baseline_ + 0.1 * value;
    return result;
  }

 private:
  double baseline_ = 0;
};

/// Adds up in one phase which way the weights go, and pulls along it in the next.
class ForgetsPath final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  void begin_phase(const stet::PhaseContext& context, bool /*resumed*/) override {
    target_ = path_.defined() && context.phase != "main" ? path_ : at::Tensor();
  }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    return strength_ == 0 || !target_.defined() ? 0 : wrong::pull(context, target_, strength_);
  }
  void after_step(const stet::WeightContext& context) override {
    if (strength_ != 0) path_ = path_.defined() ? 0.5 * path_ + 0.5 * context.values : context.values.clone();
  }

 private:
  at::Tensor path_, target_;
};

}  // namespace

STET_PLUGIN("forgets", "1.0", "stet") {
  registrar.regularizer<ForgetsValue>("forgets_value", "wrong on purpose", wrong::schema("forgets_value"));
  registrar.regularizer<ForgetsPath>("forgets_path", "wrong on purpose", wrong::schema("forgets_path"));
}
