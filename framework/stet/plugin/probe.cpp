#include <stet/plugin/probe.hpp>

namespace stet {

std::vector<FactMeasurement> Probe::measure_facts(const ProbeContext& /*context*/) { return {}; }

}  // namespace stet
