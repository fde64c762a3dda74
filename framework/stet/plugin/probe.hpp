// An interference probe measures something at evaluations: hidden states, neurons, gradients, logits, of held and new
// facts.
#pragma once

#include <stet/plugin/context.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stet {

/// Which token of a fact's prompt is looked at.
enum class ProbePosition { subject_end, prompt_end };

/// One number of one evaluation: a line of the run's measurements.csv.
struct Measurement {
  std::string name;  ///< "drift"; no comma, quote or line break
  std::string set;   ///< one of ProbeContext::sets or of Examples::sets(), or "" for the run
  int layer = -1;    ///< 0: embedding, l: after (or in) block l; -1: none
  double value =
      0;  ///< finite; what cannot be measured is left out. No two of an evaluation have the same name, set and layer
};

/// One number for each fact of one evaluation: in the run's outcomes as SetOutcomes::extra["PROBE.name"], PROBE the
/// probe's key in the experiment.
struct FactMeasurement {
  std::string name;           ///< "cosine"; no comma, quote, line break or slash, no part "extra" between dots
  std::string set;            ///< one of ProbeContext::sets
  std::vector<float> values;  ///< finite, one for every fact of the set in its order
};

/// A fact as it stands in its set's wording.
struct ProbeFact {
  std::vector<std::int32_t> subject;  ///< ids of the tokens that hold the subject in the prompt, at least one
  std::vector<std::int32_t> answer;   ///< ids of the right answer, the end token last
  std::string answer_text;
  std::uint32_t relation = 0;
};

struct ProbeContext {
  const Transformer& model;
  const at::Tensor& weights;  ///< flat, present values
  const Snapshots& snapshots;
  std::vector<std::string> sets;  ///< names of the fact sets at hand
  /// Hidden states of the first `limit` facts of a set under the given flat weights: L + 1 tensors [facts, d];
  /// undefined ones if the set is empty. This and the two below throw Error (config) for a set that is none of `sets`,
  /// and do not communicate.
  std::function<std::vector<at::Tensor>(const std::string& set, const at::Tensor& weights, ProbePosition,
                                        std::size_t limit)>
      hidden_states;
  const Examples& examples;  ///< gradients and logits; its collective members may be called
  /// Feed-forward neurons of the same facts: L tensors [facts, feed_forward], of blocks 1 to L; see
  /// Transformer::neurons.
  std::function<std::vector<at::Tensor>(const std::string& set, const at::Tensor& weights, ProbePosition,
                                        std::size_t limit)>
      neurons = {};
  /// All facts of a set, in its order.
  std::function<std::vector<ProbeFact>(const std::string& set)> facts = {};

  std::string phase = "";  ///< the phase under way; before training the first one
  float epoch = 0;         ///< of that phase; 0: before training
  bool first = true;       ///< this probe's first evaluation in the run
  bool phase_end =
      true;  ///< the phase's training is over (weights that replace those of the last step are evaluated once more)
  bool last = true;  ///< phase_end, and this probe acts in no later phase

  std::vector<bool> trains = {};  ///< one entry a parameter, in the phase under way; empty before the first phase
  ElementMasks masks = {};  ///< of parameters that train in part; those without an entry train as a whole, if they do
};

class Probe {
 public:
  virtual ~Probe() = default;
  /// Called before anything trains, by `stet plan` and `stet run`, on an object that is used for nothing else: throws
  /// Error (config), for instance context.error(key, ...), for what the experiment file alone shows to be wrong. Not
  /// collective.
  virtual void check(const CheckContext& /*context*/) const {}
  /// Called at every evaluation of the phases in which it acts, on every rank with the same arguments; must not
  /// communicate but through `examples`. What it returns must follow from `context` alone, since a run that goes on
  /// from a checkpoint makes its probes anew.
  [[nodiscard]] virtual std::vector<Measurement> measure(const ProbeContext& context) = 0;
  /// Called after measure(), with the same context. A set and name recorded at some evaluations only keep their last
  /// values at those between, and are 0 before the first.
  [[nodiscard]] virtual std::vector<FactMeasurement> measure_facts(const ProbeContext& context);
};

}  // namespace stet
