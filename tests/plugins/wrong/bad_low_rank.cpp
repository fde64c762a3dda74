// A low-rank change of parameters that are no matrices.
#include <stet/plugin.hpp>

namespace {

struct Parameters {};

class Wrong final : public stet::FreezeStrategy {
 public:
  explicit Wrong(const Parameters&) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    stet::TrainableSelection selection;
    for (std::size_t i = 0; i < table.size(); ++i) {
      selection.trains.push_back(table[i].role == stet::Role::norm);
      if (selection.trains.back()) selection.low_rank[i] = {2, 1.0, 0};
    }
    return selection;
  }
};

}  // namespace

STET_PLUGIN("bad_low_rank", "1.0", "stet") {
  registrar.freeze_strategy<Wrong>("bad_low_rank", "wrong on purpose",
                                   stet::config::Schema<Parameters>("freeze.bad_low_rank"));
}
