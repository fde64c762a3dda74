#include <stet/run/training/training_loop.hpp>

#include <fmt/ranges.h>

namespace stet {

std::string samples_text(const StepReport& report) {
  return report.samples.empty() ? "" : fmt::format(",\"samples\":[{}]", fmt::join(report.samples, ","));
}

void run_training_loop(const TrainingSpan& span, const std::string& phase, const std::int64_t& step,
                       std::uint64_t& position, Trainer& trainer, StepBoundary& boundary, Communicator& communicator,
                       const TrainingHooks& hooks) {
  const std::uint64_t end = span.end();
  const std::int64_t total_steps = span.total_steps();
  bool goes_on = true;
  while (position < end && goes_on) {
    const BatchRange range = batch_at(position, span.data.epoch_size, span.batch_size);
    communicator.recorder().step(phase, step);
    const StepReport report = trainer.step(span.data, span.sampler, range, total_steps);
    position = range.end;
    if (hooks.stepped) hooks.stepped(report);
    if (hooks.epoch_ended && position % span.data.epoch_size == 0)
      goes_on = hooks.epoch_ended(position / span.data.epoch_size);
    const bool under_way = hooks.store != nullptr && hooks.store->under_way();
    const StepBoundary::Due due = boundary.look(under_way && !hooks.store->written());
    if (under_way && due.written && !due.save) hooks.store->finish();
    if (due.save) {
      if (hooks.save) hooks.save(due.stop);
      boundary.saved();
    }
    if (due.stop) throw Stopped{};
  }
}

}  // namespace stet
