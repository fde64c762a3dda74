// Strengths that are no real numbers. whole and switched are in order; never_off is not; named has no 0; silent is on
// and does nothing.
#include "pull.hpp"

namespace {

struct Whole {
  std::int64_t strength = 3;
};
struct Switched {
  bool strength = true;
};
struct Named {
  std::string strength = "strong";
};

class Pulls : public stet::Regularizer {
 public:
  explicit Pulls(double strength) : strength_(strength) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    return strength_ == 0 ? 0 : wrong::pull(context, context.snapshots.get("earlier"), strength_);
  }

 private:
  double strength_;
};

struct PullsWhole final : Pulls {
  explicit PullsWhole(const Whole& parameters) : Pulls(0.01 * static_cast<double>(parameters.strength)) {}
};
struct PullsSwitched final : Pulls {
  explicit PullsSwitched(const Switched& parameters) : Pulls(parameters.strength ? 0.03 : 0) {}
};
struct PullsNamed final : Pulls {
  explicit PullsNamed(const Named& parameters) : Pulls(parameters.strength == "strong" ? 0.03 : 0.01) {}
};
struct PullsAlways final : Pulls {
  explicit PullsAlways(const Whole& parameters) : Pulls(0.01 * static_cast<double>(1 + parameters.strength)) {}
};

/// For a set of which no batch has an example.
class Silent final : public wrong::OnOutputs {
 public:
  using OnOutputs::OnOutputs;
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    for (const std::int32_t set : context.set_of) {
      if (set >= 0 && context.sets[static_cast<std::size_t>(set)] == "held") return squares(context, context.logits);
    }
    return at::zeros({}, at::kDouble);
  }
};

template <class P>
stet::config::Schema<P> table(const std::string& name) {
  return stet::config::Schema<P>("regularizer." + name).field("strength", &P::strength, "weight of the term");
}

}  // namespace

STET_PLUGIN("strengths", "1.0", "stet") {
  registrar.regularizer<PullsWhole>("whole", "an integer", table<Whole>("whole"));
  registrar.regularizer<PullsSwitched>("switched", "a boolean", table<Switched>("switched"));
  registrar.regularizer<PullsNamed>("named", "a string", table<Named>("named"));
  registrar.regularizer<PullsAlways>("always", "an integer that is never off", table<Whole>("always"));
  registrar.regularizer<PullsWhole>("mistaken", "its declared key does not exist", table<Whole>("mistaken"))
      .strength("strenght");
  registrar.regularizer<Silent>("silent", "never acts", wrong::schema("silent"));
}
