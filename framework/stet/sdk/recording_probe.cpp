#include <stet/sdk/recording_probe.hpp>

#include <utility>

namespace stet {

void ProbeRecord::add(const std::string& name, const std::string& set, double value, int layer) {
  values.push_back({name, set, layer, value});
}

void ProbeRecord::add_facts(const std::string& name, const std::string& set, const at::Tensor& of_each) {
  facts.push_back({name, set, to_floats(of_each)});
}

void ProbeRecord::add_facts(const std::string& name, const std::string& set, const std::vector<double>& of_each) {
  facts.push_back({name, set, to_floats(of_each)});
}

void ProbeRecord::add_mean(const std::string& name, const std::string& set, const std::vector<double>& of_each,
                           int layer, bool keep) {
  add(name, set, mean_of(of_each), layer);
  if (keep) add_facts(name, set, of_each);
}

std::vector<Measurement> RecordingProbe::measure(const ProbeContext& context) {
  const at::NoGradGuard guard;
  record_ = {};
  if (is_due(when_, context)) record(context, record_);
  return record_.values;
}

std::vector<FactMeasurement> RecordingProbe::measure_facts(const ProbeContext& context) {
  std::erase_if(record_.facts, [&](const FactMeasurement& one) {
    return one.values.size() < context.facts(one.set).size();  // a `limit` left facts out
  });
  return record_.facts;
}

}  // namespace stet
