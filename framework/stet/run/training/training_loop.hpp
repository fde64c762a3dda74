// The one loop in which steps are made: of a base model's pre-training and of a run's phases.
#pragma once

#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/checkpoint/stopping.hpp>
#include <stet/data/sampler.hpp>
#include <stet/train/trainer.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace stet {

/// What is trained on, in which order, and how long.
struct TrainingSpan {
  const TrainingData& data;
  const Sampler& sampler;
  std::uint64_t batch_size = 1;
  std::uint64_t epochs = 1;  ///< at most

  [[nodiscard]] std::uint64_t end() const { return epochs * data.epoch_size; }  ///< in sequences
  [[nodiscard]] std::int64_t total_steps() const {
    return static_cast<std::int64_t>(steps_per_epoch(data.epoch_size, batch_size) * epochs);
  }  ///< for the schedule
};

/// What happens in the loop beside steps; each may be empty. Called on all ranks at the same steps.
struct TrainingHooks {
  std::function<void(const StepReport&)> stepped;        ///< `position` is behind the step's batch
  std::function<bool(std::uint64_t epoch)> epoch_ended;  ///< epochs done; false ends the loop
  /// A checkpoint is due. `last`: a stop was asked for, and it must be whole when this returns.
  std::function<void(bool last)> save;
  CheckpointStore* store = nullptr;  ///< whose checkpoint under way is finished once all ranks' parts are written
};

/// For a line of metrics.jsonl: ",\"samples\":[...]" where they are logged, else empty.
[[nodiscard]] std::string samples_text(const StepReport& report);

/// Collective. Steps from `position` on, which is all the state that there is, to the span's end. `phase` and `step`,
/// which a hook or the trainer counts up, are what the flight recorder shows. Throws Stopped once a stop was asked for
/// and saved, and what the trainer throws.
void run_training_loop(const TrainingSpan& span, const std::string& phase, const std::int64_t& step,
                       std::uint64_t& position, Trainer& trainer, StepBoundary& boundary, Communicator& communicator,
                       const TrainingHooks& hooks);

}  // namespace stet
