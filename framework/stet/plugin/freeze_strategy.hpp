// A freeze strategy says which parameters train. The others get no gradient, no optimizer state and no weight decay, and are
// checked to be bit-identical at the end.
#pragma once

#include <stet/plugin/context.hpp>

#include <map>
#include <vector>

namespace stet {

struct TrainableSelection {
  std::vector<bool> trains;              ///< one entry a parameter of the table
  /// Optional element masks (uint8, 1 trains, same shape as the parameter) for parameters that train in part.
  std::map<std::size_t, at::Tensor> masks;
};

class FreezeStrategy {
 public:
  virtual ~FreezeStrategy() = default;
  /// Called once a phase; must be a function of the table and the plugin's parameters alone.
  [[nodiscard]] virtual TrainableSelection select(const ParameterTable& table) const = 0;
};

}  // namespace stet
