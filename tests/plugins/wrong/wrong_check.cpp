// A check() that refuses what is right, and one that throws what is no refusal.
#include <stet/plugin.hpp>

namespace {

struct Parameters {};

class RefusesItself final : public stet::FreezeStrategy {
 public:
  explicit RefusesItself(const Parameters&) {}
  void check(const stet::CheckContext& context) const override {
    throw context.error("teacher", "'teacher' must be another");
  }
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    return {std::vector<bool>(table.size(), true), {}};
  }
};

class ReadsTooFar final : public stet::FreezeStrategy {
 public:
  explicit ReadsTooFar(const Parameters&) {}
  void check(const stet::CheckContext& context) const override {
    static_cast<void>(context.phases.at(context.phases.size()));
  }
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    return {std::vector<bool>(table.size(), true), {}};
  }
};

}  // namespace

STET_PLUGIN("wrong_check", "1.0", "stet") {
  registrar.freeze_strategy<RefusesItself>("refuses_itself", "wrong on purpose",
                                           stet::config::Schema<Parameters>("freeze.refuses_itself"));
  registrar.freeze_strategy<ReadsTooFar>("reads_too_far", "wrong on purpose",
                                         stet::config::Schema<Parameters>("freeze.reads_too_far"));
}
