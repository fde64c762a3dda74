// How long training stands still for a checkpoint: written while it waits, and asynchronously. Wall time, since waiting
// is what is measured; the two forms in turn, medians.
//
//   checkpoint_benchmark [megabytes [rounds [folder]]]
//
// Not a Google Benchmark: what counts is the caller's wait, not the work.
#include "measure.hpp"

#include <stet/base/clock.hpp>
#include <stet/base/file/temporary_folder.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>

#include <cstdio>
#include <cstdlib>
#include <thread>

namespace stet::benchmarks {
namespace {

void contest(std::int64_t megabytes, int rounds, const std::filesystem::path& folder) {
  const std::unique_ptr<Communicator> alone = make_single_process();
  Checkpoint checkpoint;
  // As of a run: weights, two moments, the phase's start.
  for (const char* name : {"weights", "moment1", "moment2", "phase_start"})
    checkpoint.tensors[name] = at::rand({megabytes * 1000000 / 16}, at::kFloat);
  CheckpointStore store(*alone, folder / "checkpoints");
  std::vector<double> saved, begun, finished, written;
  const auto wait_of = [](const auto& work) {
    const Stopwatch watch;
    work();
    return watch.seconds() * 1e3;
  };
  for (int round = 0; round < rounds; ++round) {
    ++checkpoint.step;
    saved.push_back(wait_of([&] { store.save(checkpoint); }));
    ++checkpoint.step;
    begun.push_back(wait_of([&] { store.begin(checkpoint); }));
    written.push_back(wait_of([&] {
      while (!store.written()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }));
    finished.push_back(wait_of([&] { store.finish(); }));
  }
  store.clear();
  std::printf(
      "%lld MB, medians of %d rounds, ms: save() %.1f; begin() %.1f + finish() %.1f = %.1f, written beside training in "
      "%.1f; ratio %.1f\n",
      static_cast<long long>(megabytes), rounds, median(saved), median(begun), median(finished),
      median(begun) + median(finished), median(written), median(saved) / (median(begun) + median(finished)));
}

}  // namespace
}  // namespace stet::benchmarks

int main(int argc, char** argv) {
  stet::benchmarks::start_as_stet_does(argv);
  const stet::TemporaryFolder own;
  stet::benchmarks::contest(argc > 1 ? std::atoll(argv[1]) : 200, argc > 2 ? std::atoi(argv[2]) : 7,
                            argc > 3 ? std::filesystem::path(argv[3]) : own.path());
  return 0;
}
