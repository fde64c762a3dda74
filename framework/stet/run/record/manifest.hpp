// The list of what trains and what does not, for the record.
#pragma once

#include <stet/plugin/freeze_strategy.hpp>

#include <string>

namespace stet {

/// One block of text: counts by role, every parameter, and a hash of the selection. Of a masked parameter the elements
/// that train count; of a low-rank one its factors, rank * (in + out).
[[nodiscard]] std::string freeze_manifest(const std::string& phase, const std::string& strategy,
                                          const ParameterTable& table, const TrainableSelection& selection);

}  // namespace stet
