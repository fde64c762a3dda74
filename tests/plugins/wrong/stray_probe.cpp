// Measures a layer that the model does not have.
#include <stet/plugin.hpp>

#include <cmath>

namespace {

struct Parameters {};

class Wrong final : public stet::Probe {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    return {{"norm", "held", static_cast<int>(context.model.config().layers) + 1, 1.0}};
  }
};

}  // namespace

STET_PLUGIN("stray_probe", "1.0", "stet") {
  registrar.probe<Wrong>("stray_probe", "wrong on purpose", stet::config::Schema<Parameters>("probe.stray_probe"));
}
