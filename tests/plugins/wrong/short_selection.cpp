// One entry less than there are parameters.
#include <stet/plugin.hpp>

namespace {

struct Parameters {};

class Wrong final : public stet::FreezeStrategy {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    return {std::vector<bool>(table.size() - 1, true), {}};
  }
};

}  // namespace

STET_PLUGIN("short_selection", "1.0", "stet") {
  registrar.freeze_strategy<Wrong>("short_selection", "wrong on purpose",
                                   stet::config::Schema<Parameters>("freeze.short_selection"));
}
