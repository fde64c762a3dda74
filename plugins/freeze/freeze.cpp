// A freeze strategy by names: which groups, roles, layers or patterns train. Selectors and parameters: README.md.
#include "selector.hpp"

#include <stet/base/strings.hpp>
#include <stet/plugin.hpp>

#include <algorithm>
#include <optional>

namespace {

using stet::freeze::Selector;

struct Parameters {
  std::optional<std::vector<std::string>> train, freeze;
  bool biases = true;
};

class Freeze final : public stet::FreezeStrategy {
 public:
  explicit Freeze(const Parameters& parameters) : train_(parameters.train.has_value()), biases_(parameters.biases) {
    if (parameters.train.has_value() == parameters.freeze.has_value()) {
      throw stet::Error(stet::ErrorKind::config, "freeze.freeze: exactly one of 'train' and 'freeze' must be given")
          .expected("train = [...] (all else is frozen) or freeze = [...] (all else trains)")
          .received(train_ ? "both" : "neither");
    }
    for (const std::string& text : train_ ? *parameters.train : *parameters.freeze) selectors_.emplace_back(text);
  }

  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    int layers = 0;
    for (const stet::ParameterInfo& parameter : table.entries()) layers = std::max(layers, parameter.layer + 1);
    stet::TrainableSelection selection;
    selection.trains.assign(table.size(), !train_);
    for (const Selector& selector : selectors_) {
      selector.check_layers(layers);
      bool found = false;
      for (std::size_t i = 0; i < table.size(); ++i) {
        // With biases = false no bias can be asked to train.
        if (!selector.matches(table[i]) || (train_ && table[i].bias && !biases_)) continue;
        selection.trains[i] = train_;
        found = true;
      }
      if (!found) throw no_match(selector, table);
    }
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (table[i].bias && !biases_) selection.trains[i] = false;
    }
    if (std::find(selection.trains.begin(), selection.trains.end(), true) == selection.trains.end()) {
      throw stet::Error(stet::ErrorKind::config, "freeze.freeze: nothing is left to train");
    }
    return selection;
  }

 private:
  [[nodiscard]] stet::Error no_match(const Selector& selector, const stet::ParameterTable& table) const {
    stet::Error error(stet::ErrorKind::config, "freeze.freeze: the selector '" + selector.text() + "' matches no parameter");
    error.received(selector.text());
    if (selector.text() == "head") return error.hint("the model's head is its embedding (model.tied_head)");
    std::vector<std::string> names;
    for (const stet::ParameterInfo& parameter : table.entries()) names.push_back(parameter.name);
    const std::string near = selector.text().starts_with("name:") ? stet::nearest(selector.text().substr(5), names) : "";
    return near.empty() ? error : error.hint("did you mean 'name:" + near + "'?");
  }

  bool train_, biases_;
  std::vector<Selector> selectors_;
};

}  // namespace

STET_PLUGIN("freeze", "1.0", "stet") {
  registrar.freeze_strategy<Freeze>(
      "freeze", "trains what is named, or all but what is named",
      stet::config::Schema<Parameters>("freeze.freeze")
          .field("train", &Parameters::train, "selectors of what trains; all else is frozen")
          .field("freeze", &Parameters::freeze, "selectors of what is frozen; all else trains")
          .field("biases", &Parameters::biases, "true: a bias goes with its layer; false: no bias trains"))
      .example("train = [\"attention\"]");
}
