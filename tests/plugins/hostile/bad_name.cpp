// A plugin whose class has a name that no TOML table can be called by without quotes.
#include <stet/plugin.hpp>

namespace {
struct Parameters {};
class Nothing final : public stet::Probe {
 public:
  explicit Nothing(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext&) override { return {}; }
};
}  // namespace

STET_PLUGIN("bad_name", "1.0", "stet") {
  registrar.probe<Nothing>("../echo now", "", stet::config::Schema<Parameters>("probe.echo"));
}
