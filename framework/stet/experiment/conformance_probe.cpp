// Checks of an interference probe.
#include <stet/experiment/conformance_checks.hpp>
#include <stet/experiment/probe_context.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

namespace stet::conformance {

namespace {

/// A model after some training, with the sets and snapshots of a run.
class ProbePoint {
 public:
  ProbePoint(const ConformanceBench& bench, Communicator& communicator)
      : bench_(bench),
        snapshots_(bench.snapshots(at::kFloat)),
        weights_(bench.weights(1, at::kFloat) + 0.1 * bench.weights(7, at::kFloat)),
        examples_(bench.model(), communicator, ConformanceBench::shards) {
    bench.fill(examples_);
  }

  /// As at a run's first and last evaluation, so that whatever is ever measured is measured.
  [[nodiscard]] ProbeContext context() const {
    ProbeContext context = make_probe_context(bench_.model(), weights_, snapshots_, bench_.sets(), examples_);
    context.phase = ConformanceBench::phase;
    return context;
  }
  [[nodiscard]] std::vector<Measurement> measure(Probe& probe) const { return probe.measure(context()); }
  [[nodiscard]] std::vector<FactMeasurement> measure_facts(Probe& probe) const { return probe.measure_facts(context()); }
  [[nodiscard]] const at::Tensor& weights() const noexcept { return weights_; }
  [[nodiscard]] const SnapshotStore& snapshots() const noexcept { return snapshots_; }

 private:
  const ConformanceBench& bench_;
  SnapshotStore snapshots_;
  at::Tensor weights_;
  ExampleStore examples_;
};

}  // namespace

std::string probe_digest(const ConformanceBench& bench, Communicator& communicator, const Create<Probe>& create) {
  std::string text;
  const ProbePoint point(bench, communicator);
  const std::unique_ptr<Probe> probe = create();
  for (const Measurement& m : point.measure(*probe)) text += fmt::format("{} {} {} {:a}\n", m.name, m.set, m.layer, m.value);
  for (const FactMeasurement& m : point.measure_facts(*probe)) {
    text += m.name + " " + m.set;
    for (const float value : m.values) text += fmt::format(" {:a}", value);
    text += "\n";
  }
  return text;
}

Finding check_measurements(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  const ProbePoint point(bench, alone);
  const std::unique_ptr<Probe> probe = create();
  const std::vector<Measurement> measured = point.measure(*probe);
  const std::vector<std::string> examples = point.context().examples.sets();  // the fact sets are among them
  if (measured.empty())
    return failed("it measures nothing, though every set and the snapshots \"base\" and \"earlier\" are at hand",
                  "set its parameters to what is there: --set key=value");
  std::set<std::tuple<std::string, std::string, int>> seen;
  const int layers = static_cast<int>(bench.model().config().layers);
  for (const Measurement& m : measured) {
    const std::string place = fmt::format("measurement '{}', set '{}', layer {}", m.name, m.set, m.layer);
    const bool named = !m.name.empty() && m.name.find_first_of(",\n\"") == std::string::npos;
    if (!named)
      return failed(place + ": the name is empty, or has a comma, quote or line break",
                    "it becomes a column of measurements.csv");
    const bool known = m.set.empty() || std::find(examples.begin(), examples.end(), m.set) != examples.end();
    if (!known)
      return failed(place + ": there is no such set",
                    "Measurement::set is one of ProbeContext::sets or of the sets of examples, or empty for the run");
    if (m.layer < -1 || m.layer > layers)
      return failed(place + fmt::format(": layers go from 0 to {}", layers),
                    "0: embedding, l: after block l, -1: none");
    if (!std::isfinite(m.value))
      return failed(place + fmt::format(": the value is {}", m.value),
                    "measure nothing rather than something that is no number");
    if (!seen.emplace(m.name, m.set, m.layer).second)
      return failed(place + " is there twice", "give different things different names");
  }
  const std::vector<FactMeasurement> facts = point.measure_facts(*probe);
  std::set<std::pair<std::string, std::string>> arrays;
  for (const FactMeasurement& m : facts) {
    if (const std::string wrong = wrong_with(m, bench.sets()); !wrong.empty())
      return failed(wrong, "per-fact values are finite, one for every fact of a set in ProbeContext::sets");
    if (!arrays.emplace(m.name, m.set).second)
      return failed(fmt::format("per-fact measurement '{}', set '{}' is there twice", m.name, m.set), "give different things different names");
  }
  return passed(fmt::format("{} measurements and {} per-fact arrays: finite, names, sets, layers and sizes valid", measured.size(), facts.size()));
}

Finding check_probe_repeatable(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  if (probe_digest(bench, alone, create) == probe_digest(bench, alone, create))
    return passed("two objects on equal weights: the same bits");
  return failed("two objects measure differently on equal weights",
                "no clocks, addresses, rand() or static variables; draw from stet::Random (stet/base/philox.hpp)");
}

Finding check_probe_leaves_weights(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  const ProbePoint point(bench, alone), untouched(bench, alone);
  const std::unique_ptr<Probe> probe = create();
  static_cast<void>(point.measure(*probe));
  static_cast<void>(point.measure_facts(*probe));
  const char* const hint = "clone() what is written to: weights and snapshots are the run's own";
  if (const std::string name = first_difference(bench.model().table(), untouched.weights(), point.weights());
      !name.empty()) {
    return failed("measuring changes the weights of " + name, hint);
  }
  for (const auto& [name, weights] : untouched.snapshots().all()) {
    if (hash_tensor(point.snapshots().get(name)) != hash_tensor(weights))
      return failed("measuring changes the snapshot '" + name + "'", hint);
  }
  return passed("weights and snapshots are unchanged after measuring");
}

}  // namespace stet::conformance
