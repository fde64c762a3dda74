// Selects something else at every call.
#include <stet/plugin.hpp>

#include <cstdlib>

namespace {

struct Parameters {};

class Wrong final : public stet::FreezeStrategy {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    stet::TrainableSelection selection;
    for (std::size_t i = 0; i < table.size(); ++i) selection.trains.push_back(i == 0 || std::rand() % 2 == 0);
    return selection;
  }
};

}  // namespace

STET_PLUGIN("random_freeze", "1.0", "stet") {
  registrar.freeze_strategy<Wrong>("random_freeze", "wrong on purpose",
                                   stet::config::Schema<Parameters>("freeze.random_freeze"));
}
