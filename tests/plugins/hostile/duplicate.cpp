// A plugin that registers one name twice.
#include <stet/plugin.hpp>

namespace {
struct Parameters {};
class Nothing final : public stet::Probe {
 public:
  explicit Nothing(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext&) override { return {}; }
};
}  // namespace

STET_PLUGIN("duplicate", "1.0", "stet") {
  registrar.probe<Nothing>("echo", "once", stet::config::Schema<Parameters>("probe.echo"));
  registrar.probe<Nothing>("echo", "twice", stet::config::Schema<Parameters>("probe.echo"));
}
