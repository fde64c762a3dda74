// The strength depends on the process's number.
#include "pull.hpp"

#include <unistd.h>

namespace {

class Wrong final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    const double strength = strength_ * (1 + 1e-3 * static_cast<double>(::getpid() % 1000));
    return strength == 0 ? 0 : wrong::pull(context, context.snapshots.get("earlier"), strength);
  }
};

}  // namespace

STET_PLUGIN("process_dependent", "1.0", "stet") {
  registrar.regularizer<Wrong>("process_dependent", "wrong on purpose", wrong::schema("process_dependent"));
}
