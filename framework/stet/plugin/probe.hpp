// An interference probe measures something at evaluations: hidden states, gradients, of held and new facts.
#pragma once

#include <stet/plugin/context.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stet {

/// Which token of a fact's prompt is looked at.
enum class ProbePosition { subject_end, prompt_end };

struct Measurement {
  std::string name;   ///< "drift"
  std::string set;    ///< fact set, or "" for the run
  int layer = -1;     ///< 0: embedding, l: after block l; -1: none
  double value = 0;
};

struct ProbeContext {
  const Transformer& model;
  const at::Tensor& weights;        ///< flat, present values
  const Snapshots& snapshots;
  std::vector<std::string> sets;    ///< names of the fact sets at hand
  /// Hidden states of the first `limit` facts of a set under the given flat weights: L + 1 tensors [facts, d].
  std::function<std::vector<at::Tensor>(const std::string& set, const at::Tensor& weights, ProbePosition, std::size_t limit)>
      hidden_states;
  const Examples& examples;         ///< gradients and logits; its collective members may be called
};

class Probe {
 public:
  virtual ~Probe() = default;
  /// Called at every evaluation, on every rank with the same arguments; must not communicate but through `examples`.
  [[nodiscard]] virtual std::vector<Measurement> measure(const ProbeContext& context) = 0;
};

}  // namespace stet
