// The [train] table: one optimizer block for every arm.
#pragma once

#include <stet/config/identity_schema.hpp>

#include <cstdint>

namespace stet {

enum class Schedule { constant, cosine };
enum class LossMean {
  token,     ///< over all tokens with loss in the global batch
  sequence,  ///< over each sequence's tokens, then over sequences
};

struct TrainOptions {
  std::int64_t batch_size = 64;  ///< sequences a step, all ranks together
  double learning_rate = 2e-4;
  Schedule schedule = Schedule::constant;
  std::int64_t warmup_steps = 0;
  double final_rate = 0.1;  ///< cosine: the last rate as a share of the first
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double weight_decay = 0.0;      ///< of matrices; norms and biases are not decayed
  double clip = 1.0;              ///< global gradient norm; 0: none. Clipping sees weight regularizers too
  std::int64_t accumulation = 1;  ///< pieces a rank's share of a batch is computed in
  std::int64_t micro_shards = 0;  ///< K canonical parts of a batch, added in a fixed tree; 0: one a rank
  double bucket_megabytes = 1.0;  ///< size of a gradient bucket
  double teacher_cache_megabytes =
      1024;  ///< a rank's cached answers of teachers, all together; the rest is computed again
  LossMean loss_mean = LossMean::token;
  bool log_samples = false;                ///< each line of metrics.jsonl names the sequences of its step
  std::int64_t replica_check_steps = 200;  ///< all ranks compare a hash of their weights; 0: never

  [[nodiscard]] static config::IdentitySchema<TrainOptions> schema();
};

/// Below so many steps after its warm-up, a cosine ends visibly above final_rate (a tenth of the way and more), so that
/// it is refused before a run.
inline constexpr std::int64_t fewest_cosine_steps = 5;

/// The learning rate of step `step` (0-based) of `total`. Cosine: the rate would be `final_rate` at step `total`, just
/// after the last; the last of n steps after the warm-up has final_rate + (1 - final_rate) sin^2(pi / (2 n)) of the
/// peak (n = 5: a tenth of the way, n = 50: a thousandth).
[[nodiscard]] double rate_at(const TrainOptions& options, std::int64_t step, std::int64_t total);

}  // namespace stet
