// Checks of an interference probe.
#include <stet/experiment/conformance_checks.hpp>

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

  [[nodiscard]] std::vector<Measurement> measure(Probe& probe) const {
    ProbeContext context{bench_.model(), weights_, snapshots_, {}, {}, examples_};
    for (const EvaluationSet& set : bench_.sets()) context.sets.push_back(set.name);
    context.hidden_states = [this](const std::string& name, const at::Tensor& weights, ProbePosition position,
                                   std::size_t limit) {
      for (const EvaluationSet& set : bench_.sets()) {
        if (set.name == name) return hidden_states(bench_.model(), weights, set, position, limit);
      }
      throw Error(ErrorKind::config,
                  "a probe asks for the set '" + name + "', which is none of those in ProbeContext::sets");
    };
    return probe.measure(context);
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
  for (const Measurement& m : ProbePoint(bench, communicator).measure(*create()))
    text += fmt::format("{} {} {} {:a}\n", m.name, m.set, m.layer, m.value);
  return text;
}

Finding check_measurements(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  const std::vector<Measurement> measured = ProbePoint(bench, alone).measure(*create());
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
    const bool known = m.set.empty() || std::any_of(bench.sets().begin(), bench.sets().end(),
                                                    [&m](const EvaluationSet& set) { return set.name == m.set; });
    if (!known)
      return failed(place + ": there is no such set",
                    "Measurement::set is one of ProbeContext::sets, or empty for the run");
    if (m.layer < -1 || m.layer > layers)
      return failed(place + fmt::format(": layers go from 0 to {}", layers),
                    "0: embedding, l: after block l, -1: none");
    if (!std::isfinite(m.value))
      return failed(place + fmt::format(": the value is {}", m.value),
                    "measure nothing rather than something that is no number");
    if (!seen.emplace(m.name, m.set, m.layer).second)
      return failed(place + " is there twice", "give different things different names");
  }
  return passed(fmt::format("{} measurements: finite, names, sets and layers valid", measured.size()));
}

Finding check_probe_repeatable(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  if (probe_digest(bench, alone, create) == probe_digest(bench, alone, create))
    return passed("two objects on equal weights: the same bits");
  return failed("two objects measure differently on equal weights",
                "no clocks, addresses, rand() or static variables; draw from stet::Random (stet/base/philox.hpp)");
}

Finding check_probe_leaves_weights(const ConformanceBench& bench, Communicator& alone, const Create<Probe>& create) {
  const ProbePoint point(bench, alone), untouched(bench, alone);
  static_cast<void>(point.measure(*create()));
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
