// What an experiment will cost, from a few timed steps of the real model on this machine.
#pragma once

#include <stet/experiment/plan.hpp>

#include <cstdint>

namespace stet {

struct Estimate {
  double base_seconds = 0;        ///< one base model, one rank
  double run_seconds = 0;         ///< one run, phases that end at a plateau counted in full
  std::int64_t parameters = 0;
  double memory_bytes = 0;        ///< of one process: weights, gradients, moments, snapshots, activations
  double pretrain_tokens_per_second = 0, train_tokens_per_second = 0;
};

/// Times steps on random weights for about `seconds`. Uses the first run's configuration.
[[nodiscard]] Estimate estimate_cost(const Plan& plan, double seconds = 2.0);

}  // namespace stet
