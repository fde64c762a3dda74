// Ends the process, or never ends, in the one check that makes its gradient by finite differences (float64), or while
// it is made.
#include "pull.hpp"

#include <unistd.h>
#include <csignal>
#include <cstdlib>

namespace {

struct Parameters {
  double strength = 0.05;
  std::string how = "segv";
};

void end_it(const std::string& how) {
  if (how == "segv") ::raise(SIGSEGV);
  if (how == "abort") std::abort();
  if (how == "exit") ::_exit(0);
  while (how == "loop") ::usleep(1000);
}

class Wrong final : public stet::Regularizer {
 public:
  explicit Wrong(const Parameters& parameters) : parameters_(parameters) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (parameters_.strength == 0) return 0;
    if (context.step == 0 && context.values.scalar_type() == at::kDouble && context.masks.empty())
      end_it(parameters_.how);
    return wrong::pull(context, context.snapshots.get("earlier"), parameters_.strength);
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("crashes", "1.0", "stet") {
  registrar.regularizer<Wrong>(
      "crashes", "wrong on purpose",
      stet::config::Schema<Parameters>("regularizer.crashes")
          .field("strength", &Parameters::strength, "weight of the term", stet::config::Limits{.min = 0})
          .field("how", &Parameters::how, "segv, abort, exit or loop"));
}
