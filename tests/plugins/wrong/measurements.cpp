// Probes whose measurements cannot be recorded, one class a mistake.
#include <stet/plugin.hpp>

#include <limits>

namespace {

struct Nothing {};

using Make = std::vector<stet::Measurement> (*)();
using MakeFacts = std::vector<stet::FactMeasurement> (*)(const stet::ProbeContext&);

std::vector<stet::Measurement> fine() { return {{"x", "held", 1, 1.0}}; }
std::vector<stet::Measurement> comma() { return {{"x,y", "held", 1, 1.0}}; }
std::vector<stet::Measurement> line_break() { return {{"x\r", "held", 1, 1.0}}; }
std::vector<stet::Measurement> no_set() { return {{"x", "hold", 1, 1.0}}; }
std::vector<stet::Measurement> twice() { return {{"x", "held", 1, 1.0}, {"x", "held", 1, 1.0}}; }

std::vector<stet::FactMeasurement> no_facts(const stet::ProbeContext&) { return {}; }
std::vector<stet::FactMeasurement> one_fact(const stet::ProbeContext&) { return {{"x", "held", {1.0F}}}; }
std::vector<stet::FactMeasurement> no_number(const stet::ProbeContext& context) {
  return {{"x", "held", std::vector<float>(context.facts("held").size(), std::numeric_limits<float>::quiet_NaN())}};
}
std::vector<stet::FactMeasurement> facts_twice(const stet::ProbeContext& context) {
  const std::vector<float> values(context.facts("held").size(), 1.0F);
  return {{"x", "held", values}, {"x", "held", values}};
}

template <Make make, MakeFacts make_facts>
class Wrong final : public stet::Probe {
 public:
  explicit Wrong(const Nothing&) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext&) override { return make(); }
  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& context) override {
    return make_facts(context);
  }
};

}  // namespace

STET_PLUGIN("measurements", "1.0", "stet") {
  const auto add = [&]<class Class>(const char* name, Class*) {
    registrar.probe<Class>(name, "wrong on purpose", stet::config::Schema<Nothing>(std::string("probe.") + name));
  };
  add("comma", static_cast<Wrong<comma, no_facts>*>(nullptr));
  add("line_break", static_cast<Wrong<line_break, no_facts>*>(nullptr));
  add("no_set", static_cast<Wrong<no_set, no_facts>*>(nullptr));
  add("twice", static_cast<Wrong<twice, no_facts>*>(nullptr));
  add("one_fact", static_cast<Wrong<fine, one_fact>*>(nullptr));
  add("no_number", static_cast<Wrong<fine, no_number>*>(nullptr));
  add("facts_twice", static_cast<Wrong<fine, facts_twice>*>(nullptr));
}
