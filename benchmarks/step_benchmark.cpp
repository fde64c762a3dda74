// A whole training step, and scoring, against the same model composed of libtorch's operators with autograd. Before
// anything is timed, both train from the same weights on the same batches, and their losses must agree to 1e-4.
#include "measure.hpp"
#include "plain_model.hpp"
#include "workload.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace stet::benchmarks {
namespace {

constexpr std::int64_t schedule_steps = 1'000'000;

class OurTraining {
 public:
  explicit OurTraining(const Workload& work)
      : work_(work),
        alone_(make_single_process()),
        trainer_(*work.model, work.weights.clone(), work.options, *alone_),
        sampler_(work.data.epoch_size, 1) {
    trainer_.begin_phase({}, {}, none_);
  }
  double step() {
    range_ = batch_at(range_.end, work_.data.epoch_size, static_cast<std::uint64_t>(work_.options.batch_size));
    return trainer_.step(work_.data, sampler_, range_, schedule_steps).task_loss;
  }
  [[nodiscard]] PackedBatch last_batch() const { return work_.batch(sampler_, range_); }

 private:
  const Workload& work_;
  std::unique_ptr<Communicator> alone_;
  NoSnapshots none_;
  Trainer trainer_;
  Sampler sampler_;
  BatchRange range_{0, 0};
};

class PlainTraining {
 public:
  explicit PlainTraining(const Workload& work)
      : work_(work), model_(*work.model, work.weights), sampler_(work.data.epoch_size, 1) {}
  double step() {
    range_ = batch_at(range_.end, work_.data.epoch_size, static_cast<std::uint64_t>(work_.options.batch_size));
    return model_.step(work_.batch(sampler_, range_), work_.options, rate_at(work_.options, steps_++, schedule_steps));
  }

 private:
  const Workload& work_;
  PlainModel model_;
  Sampler sampler_;
  BatchRange range_{0, 0};
  std::int64_t steps_ = 0;
};

bool same_losses(const Workload& work) {
  OurTraining ours(work);
  PlainTraining plain(work);
  for (int step = 0; step < 10; ++step) {
    const double a = ours.step(), b = plain.step();
    if (!(std::abs(a - b) <= 1e-4 * std::abs(b))) {
      std::fprintf(stderr, "%s: losses differ at step %d: %.8f, composed of operators %.8f\n", work.name.c_str(), step,
                   a, b);
      return false;
    }
  }
  return true;
}

void train(benchmark::State& state, const Workload& work) {
  OurTraining ours(work);
  PlainTraining plain(work);
  compare_with_peak(
      state, [&] { benchmark::DoNotOptimize(ours.step()); }, [&] { benchmark::DoNotOptimize(plain.step()); },
      [&] { return 3 * work.forward_flops(ours.last_batch()); },
      [&] { return static_cast<double>(ours.last_batch().tokens.size()); });
}

/// The greedy verdict and the probability of every answer of the set.
void score_answers(benchmark::State& state, const Workload& work) {
  constexpr std::size_t batch_size = 128;
  const std::unique_ptr<Communicator> alone = make_single_process();
  const PlainModel plain(*work.model, work.weights);
  double flops = 0, tokens = 0;
  std::vector<PackedBatch> batches;
  const std::span<const TokenSequence> all(work.answers.sequences);
  for (std::size_t begin = 0; begin < all.size(); begin += batch_size) {
    batches.push_back(pack(all.subspan(begin, std::min(batch_size, all.size() - begin))));
    flops += work.forward_flops(batches.back());
    tokens += static_cast<double>(batches.back().tokens.size());
  }
  compare_with_peak(
      state, [&] { benchmark::DoNotOptimize(score(*work.model, work.weights, work.answers, *alone, batch_size)); },
      [&] {
        const at::NoGradGuard guard;
        for (const PackedBatch& batch : batches) {
          const at::Tensor log_probability = plain.logits(batch).log_softmax(-1), targets = at::tensor(batch.targets);
          benchmark::DoNotOptimize(log_probability.argmax(-1).eq(targets));
          benchmark::DoNotOptimize(log_probability.gather(1, targets.unsqueeze(1)));
        }
      },
      [&] { return flops; }, [&] { return tokens; });
}

}  // namespace
}  // namespace stet::benchmarks

int main(int count, char** arguments) {
  using namespace stet::benchmarks;
  start_as_stet_does(arguments);
  benchmark::Initialize(&count, arguments);
  const stet::benchmarks::Workload works[] = {pretraining(), fine_tuning(), wide()};
  for (const Workload& work : works) {
    if (!same_losses(work)) return 1;
    benchmark::RegisterBenchmark(("step/" + work.name).c_str(),
                                 [&work](benchmark::State& state) { train(state, work); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark("score/answers", [&works](benchmark::State& state) { score_answers(state, works[1]); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
