// How the benchmarks measure. Machines are shared and noisy, so: processor time of the calling thread and not wall
// time, medians and not means, and what is compared runs in turn, within the same second.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <vector>

namespace stet::benchmarks {

/// Gives the libraries below libtorch the environment that the program `stet` gives them (one thread, the processor's
/// kernels): they read it when they are loaded, so the first call starts this program again. Call it first in main.
void start_as_stet_does(char** arguments);

/// Processor time of this thread.
[[nodiscard]] double cpu_seconds();

/// Processor time that `work` takes.
[[nodiscard]] double time_of(const std::function<void()>& work);

[[nodiscard]] double median(std::vector<double> values);

/// One product of two 768 x 768 float matrices by libtorch, the measure of what this machine can do: seconds, FLOPs.
class Gemm {
 public:
  Gemm();
  [[nodiscard]] double seconds() const;
  [[nodiscard]] static double flops();

 private:
  std::function<void()> run_;
};

/// Runs `ours` and `plain` in turn until the benchmark has seen enough of `ours`, whose time is the benchmark's.
/// Counters: `ours_us` and `plain_us`, the medians, and `ratio` = plain / ours. The benchmark must be registered with
/// UseManualTime().
void compare(benchmark::State& state, const std::function<void()>& ours, const std::function<void()>& plain);

/// The same for work of `flops` floating-point operations in matrix products on `tokens` tokens (both asked after
/// `ours` has run), with a Gemm in each turn. More counters: `tokens/s`, `gemm_GFLOP/s`, and `of_peak`, the part of
/// that rate that `ours` reaches.
void compare_with_peak(benchmark::State& state, const std::function<void()>& ours, const std::function<void()>& plain,
                       const std::function<double()>& flops, const std::function<double()>& tokens);

}  // namespace stet::benchmarks
