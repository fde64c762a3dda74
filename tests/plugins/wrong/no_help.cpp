// A parameter that is not explained.
#include <stet/plugin.hpp>

namespace {

struct Parameters {
  std::int64_t limit = 3;
};

class Wrong final : public stet::Probe {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext&) override {
    return {{"one", "", -1, 1.0}};
  }
};

}  // namespace

STET_PLUGIN("no_help", "1.0", "stet") {
  registrar.probe<Wrong>("no_help", "wrong on purpose",
                         stet::config::Schema<Parameters>("probe.no_help").field("limit", &Parameters::limit, ""));
}
