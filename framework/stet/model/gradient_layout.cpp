#include <stet/model/gradient_layout.hpp>

namespace stet {

GradientLayout::GradientLayout(const ParameterTable& table, const std::vector<bool>& trains)
    : elements_(table.total()), whole_(true) {
  for (std::size_t i = 0; i < table.size(); ++i)
    places_.push_back({table[i].offset, trains.empty() || trains[i], std::nullopt});
}

GradientLayout::GradientLayout(const ParameterTable& table, const std::vector<bool>& trains,
                               const std::map<std::size_t, FactorPlace>& factors) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    Place place{elements_, trains.empty() || trains[i], std::nullopt};
    const auto found = factors.find(i);
    if (found != factors.end() && table[i].layer >= 0) {
      place.dense = false;
      place.factors = found->second;
      elements_ += found->second.rank * (table[i].shape[0] + table[i].shape[1]);
    } else if (place.dense) {
      elements_ += table[i].count;
    }
    places_.push_back(place);
  }
}

}  // namespace stet
