// What a phase of a run trains on: the facts of its sets, one after the other.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/plan/run_config.hpp>
#include <stet/train/training_data.hpp>

#include <cstdint>
#include <span>

namespace stet {

/// Facts of the phase's sets.
[[nodiscard]] std::uint64_t phase_size(const PhaseConfig& phase, std::span<const TokenizedSet> sets);

/// `sets` must outlive the data. Throws Error (config) if there are no facts.
[[nodiscard]] TrainingData phase_data(const PhaseConfig& phase, std::span<const TokenizedSet> sets);

}  // namespace stet
