#include "measure.hpp"

#include <stet/cli/library_environment.hpp>
#include <stet/model/torch.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace stet::benchmarks {

void start_as_stet_does(char** arguments) {
  const launcher::GetVariable get = [](const char* name) -> const char* { return std::getenv(name); };
  const launcher::SetVariable set = [](const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
  };
  if (get("STET_CHOSEN") == nullptr) {
    const int cores = launcher::cores_here(get, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
    set("STET_CHOSEN", launcher::apply(launcher::choose(launcher::detect_cpu(), cores, launcher::ranks_here(get),
                                                        launcher::threads_wanted(get)),
                                       get, set));
    ::execv("/proc/self/exe", arguments);
    std::perror("cannot start again");
    std::exit(2);
  }
  at::set_num_threads(1);
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double time_of(const std::function<void()>& work) {
  const double begin = cpu_seconds();
  work();
  return cpu_seconds() - begin;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

namespace {
constexpr std::int64_t gemm_width = 768;
}  // namespace

Gemm::Gemm() {
  const at::Tensor a = at::ones({gemm_width, gemm_width}), b = at::ones({gemm_width, gemm_width});
  run_ = [a, b, c = at::empty({gemm_width, gemm_width})]() mutable { at::mm_out(c, a, b); };
  run_();
}

double Gemm::seconds() const { return time_of(run_); }
double Gemm::flops() { return 2.0 * gemm_width * gemm_width * gemm_width; }

void compare(benchmark::State& state, const std::function<void()>& ours, const std::function<void()>& plain) {
  std::vector<double> our_seconds, plain_seconds;
  ours();
  plain();
  for ([[maybe_unused]] auto _ : state) {
    our_seconds.push_back(time_of(ours));
    plain_seconds.push_back(time_of(plain));
    state.SetIterationTime(our_seconds.back());
  }
  state.counters["ours_us"] = 1e6 * median(our_seconds);
  state.counters["plain_us"] = 1e6 * median(plain_seconds);
  state.counters["ratio"] = median(plain_seconds) / median(our_seconds);
}

void compare_with_peak(benchmark::State& state, const std::function<void()>& ours, const std::function<void()>& plain,
                       const std::function<double()>& flops, const std::function<double()>& tokens) {
  std::vector<double> our_seconds, plain_seconds, flop_seconds, token_seconds, gemm_seconds;
  const Gemm gemm;
  ours();
  plain();
  for ([[maybe_unused]] auto _ : state) {
    our_seconds.push_back(time_of(ours));
    flop_seconds.push_back(our_seconds.back() / flops());
    token_seconds.push_back(our_seconds.back() / tokens());
    plain_seconds.push_back(time_of(plain));
    gemm_seconds.push_back(gemm.seconds());
    state.SetIterationTime(our_seconds.back());
  }
  const double gemm_rate = Gemm::flops() / median(gemm_seconds);
  state.counters["ours_us"] = 1e6 * median(our_seconds);
  state.counters["plain_us"] = 1e6 * median(plain_seconds);
  state.counters["ratio"] = median(plain_seconds) / median(our_seconds);
  state.counters["tokens/s"] = 1 / median(token_seconds);
  state.counters["gemm_GFLOP/s"] = gemm_rate / 1e9;
  state.counters["of_peak"] = 1 / median(flop_seconds) / gemm_rate;
}

}  // namespace stet::benchmarks
