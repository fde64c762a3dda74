// Measures what is no number.
#include <stet/plugin.hpp>

#include <cmath>

namespace {

struct Parameters {};

class Wrong final : public stet::Probe {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    return {{"ratio", "held", 1, std::log(context.weights.numel() > 0 ? 0.0 : 1.0)}};
  }
};

}  // namespace

STET_PLUGIN("infinite_probe", "1.0", "stet") {
  registrar.probe<Wrong>("infinite_probe", "wrong on purpose",
                         stet::config::Schema<Parameters>("probe.infinite_probe"));
}
