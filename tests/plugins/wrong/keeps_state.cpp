// The same moving average, in order: nothing is wrong with this one.
#include "average.hpp"

namespace {

class Right final : public wrong::TowardsAverage {
 public:
  using TowardsAverage::TowardsAverage;
  [[nodiscard]] stet::PluginState save() const override { return {{"average", average_}}; }
  void load(const stet::PluginState& state) override { average_ = state.at("average").clone(); }
};

}  // namespace

STET_PLUGIN("keeps_state", "1.0", "stet") {
  registrar.regularizer<Right>("keeps_state", "in order", wrong::schema("keeps_state"));
}
