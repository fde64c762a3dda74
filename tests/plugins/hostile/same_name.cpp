// Another plugin that is in order, with the name of the class of good.cpp.
#include "trace.hpp"

#include <stet/plugin.hpp>

namespace {
struct Parameters {};
class Nothing final : public stet::Regularizer {
 public:
  explicit Nothing(const Parameters&) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
  [[nodiscard]] double add_gradient(const stet::WeightContext&) override { return 0; }
};
}  // namespace

STET_PLUGIN("same_name", "1.0", "stet") {
  registrar.regularizer<Nothing>("good", "does nothing", stet::config::Schema<Parameters>("regularizer.good"));
}
