#include <stet/base/clock.hpp>
#include <stet/base/host/control_group.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/library_environment.hpp>
#include <stet/cli/machine.hpp>
#include <stet/comm/detected_launch.hpp>
#include <stet/model/arithmetic.hpp>
#include <stet/model/torch.hpp>
#ifdef STET_HAVE_MPI
#include <stet/comm/mpi_environment.hpp>
#endif

#include <ATen/Version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace stet {
namespace {

namespace fs = std::filesystem;

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void list_blas(MachineReport& report) {
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> files;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string file = line.substr(slash);
    const std::string name = fs::path(file).filename().string();
    for (const char* known : {"libopenblas", "libblas", "libmkl", "libblis", "libflexiblas", "libatlas"}) {
      if (name.starts_with(known)) files.insert(file);
    }
  }
  report.blas_loaded.assign(files.begin(), files.end());
}

void inspect_processor(MachineReport& report) {
  const launcher::CpuFeatures features = launcher::detect_cpu();
  report.cpu_simd = features.avx512 ? "AVX-512" : features.avx2 ? "AVX2" : "less than AVX2";
  const auto online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  report.cores = bound_cores();
  report.threads = at::get_num_threads();
  const launcher::GetVariable get = [](const char* name) -> const char* { return std::getenv(name); };
  report.ranks_here = launcher::ranks_here(get);
  report.cores_here = launcher::cores_here(get, online);
}

/// GFLOP/s of a float32 product of two n x n matrices: the median of up to seven, a quarter of a second at most.
double measure_product(std::int64_t n) {
  const at::NoGradGuard no_gradients;
  const at::Tensor a = at::ones({n, n}, at::kFloat), b = at::ones({n, n}, at::kFloat);
  at::Tensor c = at::mm(a, b);  // the first call also starts threads and touches the memory
  std::vector<double> seconds;
  for (const Stopwatch all; seconds.empty() || (seconds.size() < 7 && all.seconds() < 0.25);) {
    const Stopwatch one;
    at::mm_out(c, a, b);
    seconds.push_back(one.seconds());
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  const auto size = static_cast<double>(n);
  return 2 * size * size * size / seconds[seconds.size() / 2] * 1e-9;
}

}  // namespace

MachineReport inspect_machine(bool measure) {
  MachineReport report;
  report.version = STET_VERSION;
#if defined(__clang__)
  report.compiler = "clang " __clang_version__;
#else
  report.compiler = "g++ " __VERSION__;
#endif
  report.arithmetic = inspect_arithmetic();
  const std::string blas_info = text_between(at::show_config(), "BLAS_INFO=", ",\n ");
  if (!blas_info.empty()) report.torch_blas = "BLAS_INFO=" + blas_info;
  list_blas(report);
  inspect_processor(report);
  const ControlGroupLimits limits = control_group_limits();
  report.memory_limit = limits.memory;
  report.cpu_quota = limits.cores;
  report.memory_available = number(line_after("/proc/meminfo", "MemAvailable")) * 1024;
#ifdef STET_HAVE_MPI
  report.mpi = MpiEnvironment::library();
#else
  report.mpi = "built without MPI";
#endif
  report.launcher = launch_detected();
  const auto devices = at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().getNumGPUs()) : 0;
  report.devices = devices > 0 ? fmt::format("{} CUDA device{}", devices, devices == 1 ? "" : "s") : "CPU";
  if (measure) {
    report.gflops_384 = measure_product(384);
    report.gflops_768 = measure_product(768);
  }
  if (const char* chosen = std::getenv("STET_CHOSEN")) report.chosen = chosen;
  report.warnings = machine_warnings(report);
  return report;
}

std::vector<std::string> machine_warnings(const MachineReport& report) {
  std::vector<std::string> warnings;
  if (report.arithmetic.reference_blas) {
    warnings.push_back(
        "the reference BLAS is loaded, some 16 times slower than OpenBLAS; hint: apt-get install libopenblas0-pthread");
  }
  if (report.cpu_simd == "less than AVX2")
    warnings.push_back("this processor has no AVX2: expect a fraction of the speed");
  if (report.cpu_simd != "less than AVX2" &&
      (report.arithmetic.aten_simd == "NO AVX" || report.arithmetic.aten_simd == "DEFAULT")) {
    warnings.push_back("libtorch uses no vector instructions although the processor has " + report.cpu_simd +
                       "; hint: mount /proc and /sys, unset ATEN_CPU_CAPABILITY");
  }
  const auto width = [](const std::string& simd) { return simd == "AVX-512" ? 2 : simd == "AVX2" ? 1 : 0; };
  if (width(report.arithmetic.kernel_simd) < width(report.cpu_simd)) {
    warnings.push_back("stet's kernels were compiled for " + report.arithmetic.kernel_simd + ", the processor has " +
                       report.cpu_simd + "; hint: build on this machine with -DSTET_NATIVE=ON");
  }
  if (report.memory_available == 0)
    warnings.push_back(
        "/proc is not mounted: libraries cannot recognise the processor; hint: mount -t proc proc /proc");
  if (report.ranks_here * report.threads > report.cores_here) {
    warnings.push_back(fmt::format("{} rank(s) of {} thread(s) on {} core(s): they take turns; hint: {}",
                                   report.ranks_here, report.threads, report.cores_here,
                                   report.threads > 1 ? "STET_THREADS=1" : "fewer ranks on each node"));
  }
  if (report.chosen.empty())
    warnings.push_back(
        "started without the launcher, so the libraries chose for themselves; hint: call stet, not stet-engine");
  return warnings;
}

std::string format(const MachineReport& report) {
  std::string text;
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<11} {}\n", name, value);
  };
  const auto cores = [](double count) { return fmt::format("{:g} core{}", count, count == 1 ? "" : "s"); };
  line("stet", report.version + ", " + report.compiler);
  line("libtorch",
       report.arithmetic.torch_version + (report.torch_blas.empty() ? "" : " (built with " + report.torch_blas + ")"));
  line("BLAS",
       report.arithmetic.blas + (report.arithmetic.blas_file.empty() ? "" : " from " + report.arithmetic.blas_file));
  for (const std::string& file : report.blas_loaded) {
    if (file != report.arithmetic.blas_file) line("", "also loaded: " + file);
  }
  line("processor", fmt::format("{}, {} usable{}", report.arithmetic.cpu.empty() ? "unknown" : report.arithmetic.cpu,
                                cores(report.cores),
                                report.cpu_quota > 0
                                    ? fmt::format(", limited to {}: {} worker processes by default",
                                                  cores(report.cpu_quota), usable_cores(report.cores, report.cpu_quota))
                                    : ""));
  line("SIMD", fmt::format("processor {}, libtorch {}, stet {}", report.cpu_simd, report.arithmetic.aten_simd,
                           report.arithmetic.kernel_simd));
  line("threads",
       fmt::format("{} a rank, {} rank{} here", report.threads, report.ranks_here, report.ranks_here == 1 ? "" : "s"));
  line("memory",
       (report.memory_available > 0 ? format_bytes(static_cast<double>(report.memory_available)) + " available"
                                    : "unknown") +
           (report.memory_limit > 0 ? ", limit " + format_bytes(static_cast<double>(report.memory_limit)) : ""));
  line("MPI", report.mpi + (report.launcher.empty() ? ", started directly" : ", started by " + report.launcher));
  line("devices", report.devices);
  if (report.gflops_384 && report.gflops_768) {
    line("float32",
         fmt::format("{:.0f} GFLOP/s (384 x 384), {:.0f} GFLOP/s (768 x 768)", *report.gflops_384, *report.gflops_768));
  }
  std::string_view name = "launcher";
  for (std::size_t from = 0; from < report.chosen.size();) {
    const std::size_t end = std::min(report.chosen.find("; ", from), report.chosen.size());
    line(name, report.chosen.substr(from, end - from));
    name = "";
    from = end + 2;
  }
  for (const std::string& warning : report.warnings) line("warning", warning);
  return text;
}

}  // namespace stet
