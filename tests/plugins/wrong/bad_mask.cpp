// A mask of bool instead of uint8.
#include <stet/plugin.hpp>

namespace {

struct Parameters {};

class Wrong final : public stet::FreezeStrategy {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    stet::TrainableSelection selection;
    selection.trains.assign(table.size(), true);
    selection.masks[1] = at::ones(table[1].shape, at::kBool);
    return selection;
  }
};

}  // namespace

STET_PLUGIN("bad_mask", "1.0", "stet") {
  registrar.freeze_strategy<Wrong>("bad_mask", "wrong on purpose", stet::config::Schema<Parameters>("freeze.bad_mask"));
}
