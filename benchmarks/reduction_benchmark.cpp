// Adding gradients over ranks: GradientReducer, which sends buckets while backward still runs, against the two things
// that one would write first: one all-reduce of the whole gradient after backward, and one for each parameter tensor.
// Backward is real; each rank has its share of the batch.
//
//   mpirun -n 2 reduction_benchmark [rounds]
//
// Not a Google Benchmark: all ranks must take the same number of rounds. Times are wall time, since communication is
// waiting: the slowest rank's, then the median over rounds.
#include "measure.hpp"
#include "workload.hpp"

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/comm/session.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace stet::benchmarks {
namespace {

class Contest {
 public:
  Contest(const Workload& work, Communicator& communicator, double bucket_megabytes)
      : work_(work),
        communicator_(communicator),
        reducer_(communicator, work.weights.numel(), at::kFloat, 0,
                 static_cast<std::int64_t>(bucket_megabytes * 1e6 / sizeof(float))),
        gradient_(at::zeros_like(work.weights)) {
    const Sampler sampler(work.data.epoch_size, 1);
    const auto ranks = static_cast<std::uint64_t>(communicator.size());
    const BatchRange whole = batch_at(0, work.data.epoch_size, static_cast<std::uint64_t>(work.options.batch_size));
    batch_ = work.batch(sampler, part_of(whole, static_cast<std::uint64_t>(communicator.rank()), ranks));
    const at::Tensor hidden = work.model->forward(work.weights, tokens(), nullptr, &activations_);
    d_hidden_ = at::ones_like(hidden);
  }

  void backward_alone() { backward(gradient_.zero_(), {}); }
  void ours() {
    const at::Tensor& gradient = reducer_.begin_shard();
    backward(gradient, [this](std::int64_t offset) { reducer_.complete_from(offset); });
    reducer_.end_shard();
    total_ = reducer_.finish();
  }
  void one_reduction() {
    backward_alone();
    communicator_.all_reduce_sum(std::span(gradient_.data_ptr<float>(), static_cast<std::size_t>(gradient_.numel())));
  }
  void one_a_tensor() {
    backward_alone();
    for (const ParameterInfo& info : work_.model->table().entries()) {
      communicator_.all_reduce_sum(
          std::span(gradient_.data_ptr<float>() + info.offset, static_cast<std::size_t>(info.count)));
    }
  }

  /// Wall seconds of the slowest rank.
  double time(void (Contest::*way)()) {
    communicator_.barrier();
    const Stopwatch watch;
    (this->*way)();
    double seconds = watch.seconds();
    communicator_.all_reduce_max(std::span(&seconds, 1));
    return seconds;
  }

  /// Whether all three ways give the same sums, up to rounding.
  bool agrees() {
    ours();
    one_reduction();
    const double first = ((total_ - gradient_).abs().max() / gradient_.abs().max()).item<double>();
    one_a_tensor();
    const double second = ((total_ - gradient_).abs().max() / gradient_.abs().max()).item<double>();
    return first < 1e-5 && second < 1e-5;
  }

 private:
  [[nodiscard]] TokenBatch tokens() const { return {batch_.tokens, batch_.offsets, batch_.positions}; }
  void backward(const at::Tensor& gradient, const std::function<void(std::int64_t)>& complete_from) {
    work_.model->backward(work_.weights, tokens(), activations_, d_hidden_, gradient, {}, complete_from);
  }

  const Workload& work_;
  Communicator& communicator_;
  GradientReducer reducer_;
  PackedBatch batch_;
  Activations activations_;
  at::Tensor d_hidden_, gradient_, total_;
};

struct Way {
  const char* name;
  void (Contest::*run)();
};
constexpr std::array<Way, 4> ways{{{"backward alone", &Contest::backward_alone},
                                   {"GradientReducer, overlapped", &Contest::ours},
                                   {"one all-reduce after backward", &Contest::one_reduction},
                                   {"one all-reduce a tensor", &Contest::one_a_tensor}}};

/// A Latin square in which each way also follows each other way once.
constexpr std::array<std::array<std::size_t, ways.size()>, ways.size()> orders{
    {{0, 1, 3, 2}, {1, 2, 0, 3}, {2, 3, 1, 0}, {3, 0, 2, 1}}};

bool contest(const Workload& work, Communicator& communicator, double bucket_megabytes, int rounds) {
  Contest match(work, communicator, bucket_megabytes);
  if (!match.agrees()) {
    std::fprintf(stderr, "rank %d: the sums differ\n", communicator.rank());
    return false;
  }
  std::array<std::vector<double>, ways.size()> seconds;
  for (int round = 0; round < rounds; ++round) {
    // Another order each round: on a busy machine the system's scheduler makes up for what the one before has used.
    for (std::size_t place = 0; place < ways.size(); ++place) {
      const std::size_t w = orders[static_cast<std::size_t>(round) % orders.size()][place];
      seconds[w].push_back(match.time(ways[w].run));
    }
  }
  if (communicator.rank() != 0) return true;
  std::printf("%s model, %lld elements, %zu tensors, buckets of %.2f MB, %d ranks\n", work.name.c_str(),
              static_cast<long long>(work.weights.numel()), work.model->table().size(), bucket_megabytes,
              communicator.size());
  const double alone = median(seconds[0]), ours = median(seconds[1]);
  for (std::size_t w = 0; w < ways.size(); ++w) {
    const double time = median(seconds[w]);
    std::printf("  %-32s %9.2f ms   communication that shows %8.2f ms   ratio to ours %5.2f\n", ways[w].name,
                1e3 * time, 1e3 * (time - alone), time / ours);
  }
  std::fflush(stdout);
  return true;
}

}  // namespace
}  // namespace stet::benchmarks

int main(int count, char** arguments) {
  using namespace stet::benchmarks;
  start_as_stet_does(arguments);
  int rounds = 32;
  if (count > 2 || (count == 2 && (std::from_chars(arguments[1], arguments[1] + std::strlen(arguments[1]), rounds).ec !=
                                       std::errc() ||
                                   rounds < 1))) {
    std::fprintf(stderr, "usage: mpirun -n RANKS reduction_benchmark [ROUNDS]\n");
    return 2;
  }
  try {
    stet::Session session;
    const Workload small = pretraining(), large = wide();
    bool good = true;
    for (const double megabytes : {0.25, 1.0}) good = contest(small, session.world(), megabytes, rounds) && good;
    for (const double megabytes : {1.0, 4.0})
      good = contest(large, session.world(), megabytes, (rounds + 3) / 4 * 2) && good;
    return good ? 0 : 1;
  } catch (const stet::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
