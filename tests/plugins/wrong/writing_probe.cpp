// Changes the weights that it measures.
#include <stet/plugin.hpp>

#include <cmath>

namespace {

struct Parameters {};

class Wrong final : public stet::Probe {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& context) override {
    const double norm = context.weights.norm().item<double>();
    context.weights.div_(norm);
    return {{"norm", "", -1, norm}};
  }
};

}  // namespace

STET_PLUGIN("writing_probe", "1.0", "stet") {
  registrar.probe<Wrong>("writing_probe", "wrong on purpose", stet::config::Schema<Parameters>("probe.writing_probe"));
}
