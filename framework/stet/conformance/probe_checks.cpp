// Checks of an interference probe.
#include <stet/conformance/checks.hpp>
#include <stet/run/probe_context.hpp>

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
    const TrainableSelection selection = bench_.partly_frozen(true);
    context.trains = selection.trains;
    context.masks = selection.masks;
    return context;
  }
  [[nodiscard]] std::vector<Measurement> measure(Probe& probe) const { return probe.measure(context()); }
  [[nodiscard]] std::vector<FactMeasurement> measure_facts(Probe& probe) const {
    return probe.measure_facts(context());
  }
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
  for (const Measurement& m : point.measure(*probe))
    text += fmt::format("{} {} {} {:a}\n", m.name, m.set, m.layer, m.value);
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
  if (measured.empty())
    return failed("it measures nothing, though every set and the snapshots \"base\" and \"earlier\" are at hand",
                  "set its parameters to what is there: --set key=value");
  if (const std::string wrong = wrong_with(measured, point.context()); !wrong.empty()) {
    return failed(wrong,
                  "finite values (measure nothing rather than something that is no number); names that can be a "
                  "column's value in a CSV file; "
                  "a set of ProbeContext::sets or of the sets of examples, or empty for the run; layer 0: embedding, "
                  "l: after block l, -1: none");
  }
  const std::vector<FactMeasurement> facts = point.measure_facts(*probe);
  if (const std::string wrong = wrong_with(facts, bench.sets()); !wrong.empty())
    return failed(
        wrong, "per-fact values are finite, one for every fact of a set in ProbeContext::sets, each name and set once");
  return passed(fmt::format("{} measurements and {} per-fact arrays: finite, names, sets, layers and sizes valid",
                            measured.size(), facts.size()));
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
