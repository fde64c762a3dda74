#include <stet/train/train_options.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace stet {

config::IdentitySchema<TrainOptions> TrainOptions::schema() {
  using config::every_part;
  using config::Limits;
  using O = TrainOptions;
  config::IdentitySchema<O> schema("train", "optimizer and batches");
  schema
      .field("batch_size", &O::batch_size, every_part, "sequences a step, all ranks together",
             Limits{.min = 1, .max = 1e9})
      .field("learning_rate", &O::learning_rate, every_part, "peak rate of AdamW",
             Limits{.min = 0, .max = 1, .open_min = true})
      .choice("schedule", &O::schedule, every_part, {{"constant", Schedule::constant}, {"cosine", Schedule::cosine}},
              "course of the learning rate in a phase")
      .field("warmup_steps", &O::warmup_steps, every_part, "linear warm-up at the start of a phase",
             Limits{.min = 0, .unit = "steps"})
      .field("final_rate", &O::final_rate, every_part, "cosine: last rate as a share of the peak",
             Limits{.min = 0, .max = 1})
      .field("beta1", &O::beta1, every_part, "decay of the first moment", Limits{.min = 0, .max = 1, .open_max = true})
      .field("beta2", &O::beta2, every_part, "decay of the second moment", Limits{.min = 0, .max = 1, .open_max = true})
      .field("epsilon", &O::epsilon, every_part, "added to the root of the second moment",
             Limits{.min = 0, .open_min = true})
      .field("weight_decay", &O::weight_decay, every_part, "decoupled decay of matrices", Limits{.min = 0})
      .field("clip", &O::clip, every_part, "largest global gradient norm; 0: none", Limits{.min = 0})
      .field("accumulation", &O::accumulation, every_part, "pieces a rank's share is computed in", Limits{.min = 1})
      .field("micro_shards", &O::micro_shards, every_part, "canonical parts of a batch, a power of two; 0: one a rank",
             Limits{.min = 0})
      .field("teacher_cache_megabytes", &O::teacher_cache_megabytes, config::no_part,
             "teachers' answers that a rank keeps; others are computed again", Limits{.min = 0, .unit = "MB"})
      .field("bucket_megabytes", &O::bucket_megabytes, config::no_part, "gradient bucket",
             Limits{.min = 0, .open_min = true, .unit = "MB"})
      .choice("loss_mean", &O::loss_mean, every_part, {{"token", LossMean::token}, {"sequence", LossMean::sequence}},
              "what the loss is a mean over")
      .field("log_samples", &O::log_samples, config::no_part,
             "each line of metrics.jsonl names the sequences of its step")
      .field("replica_check_steps", &O::replica_check_steps, config::no_part,
             "compare the ranks' weights every so often; 0: never", Limits{.min = 0, .unit = "steps"});
  return schema;
}

double rate_at(const TrainOptions& options, std::int64_t step, std::int64_t total) {
  if (step < options.warmup_steps) {
    return options.learning_rate * static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  }
  if (options.schedule == Schedule::constant) return options.learning_rate;
  const double span = static_cast<double>(std::max<std::int64_t>(total - options.warmup_steps, 1));
  const double progress = std::min(1.0, static_cast<double>(step - options.warmup_steps) / span);
  const double share =
      options.final_rate + (1 - options.final_rate) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return options.learning_rate * share;
}

}  // namespace stet
