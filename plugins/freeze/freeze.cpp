// A freeze strategy by names: which groups, roles, layers or patterns train. Selectors and parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/parameter_selection.hpp>

#include <algorithm>
#include <optional>

namespace {

struct Parameters {
  std::optional<std::vector<std::string>> train, freeze;
  bool biases = true;
};

class Freeze final : public stet::FreezeStrategy {
 public:
  explicit Freeze(const Parameters& parameters)
      : train_(parameters.train.has_value()),
        biases_(parameters.biases),
        chosen_(list_of(parameters), "freeze.freeze") {}

  void check(const stet::CheckContext& context) const override {
    static_cast<void>(select(context.table));  // every selector must match something
  }

  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    // With biases = false no bias can be asked to train.
    const auto eligible = [this](const stet::ParameterInfo& parameter) {
      return !(train_ && parameter.bias && !biases_);
    };
    stet::TrainableSelection selection{chosen_.of(table, eligible), {}};
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (!train_) selection.trains[i] = !selection.trains[i];
      if (table[i].bias && !biases_) selection.trains[i] = false;
    }
    if (std::find(selection.trains.begin(), selection.trains.end(), true) == selection.trains.end()) {
      throw stet::Error(stet::ErrorKind::config, "freeze.freeze: nothing is left to train");
    }
    return selection;
  }

 private:
  /// Exactly one of the two lists.
  static const std::vector<std::string>& list_of(const Parameters& parameters) {
    if (parameters.train.has_value() == parameters.freeze.has_value()) {
      throw stet::Error(stet::ErrorKind::config, "freeze.freeze: exactly one of 'train' and 'freeze' must be given")
          .expected("train = [...] (all else is frozen) or freeze = [...] (all else trains)")
          .received(parameters.train ? "both" : "neither");
    }
    return parameters.train ? *parameters.train : *parameters.freeze;
  }

  bool train_, biases_;
  stet::ParameterSelection chosen_;
};

}  // namespace

STET_PLUGIN("freeze", "1.0", "stet") {
  registrar
      .freeze_strategy<Freeze>(
          "freeze", "trains what is named, or all but what is named",
          stet::config::Schema<Parameters>("freeze.freeze")
              .field("train", &Parameters::train, "selectors of what trains; all else is frozen")
              .field("freeze", &Parameters::freeze, "selectors of what is frozen; all else trains")
              .field("biases", &Parameters::biases, "true: a bias goes with its layer; false: no bias trains"))
      .example("train = [\"attention\"]");
}
