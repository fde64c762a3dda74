// A plugin that is in order. Tests edit copies of its file into plugins that are not.
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

#ifndef FILE_NAME
#define FILE_NAME "good"
#endif
STET_PLUGIN(FILE_NAME, "1.0", "stet") {
  registrar.regularizer<Nothing>("good", "does nothing", stet::config::Schema<Parameters>("regularizer.good"));
}
