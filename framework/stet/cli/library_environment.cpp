#include <stet/cli/library_environment.hpp>

#include <stet/base/strings.hpp>

#include <algorithm>

namespace stet::launcher {
namespace {

/// The whole text as a positive number, or nothing.
std::optional<int> positive(std::string_view text) {
  const std::optional<int> number = whole_number<int>(text);
  return number.value_or(0) > 0 ? number : std::nullopt;
}

std::optional<int> positive(const char* text) {
  return text == nullptr ? std::nullopt : positive(std::string_view(text));
}

/// Slurm's tasks a node, "4(x2),3": the largest, since it does not say which node is ours.
int most_tasks(std::string_view text) {
  int most = 1;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    most = std::max(most, positive(part.substr(0, part.find('('))).value_or(1));
  }
  return most;
}

}  // namespace

CpuFeatures detect_cpu() noexcept {
  CpuFeatures found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return found;
}

LibraryEnvironment choose(const CpuFeatures& cpu, int cores, int ranks, std::optional<int> threads) {
  std::vector<Setting> settings;
  if (cpu.avx512) {
    // OpenBLAS takes Zen kernels (AVX2) on AMD whatever the processor can do: 115 against 220 GFLOP/s a core.
    settings.push_back({"OPENBLAS_CORETYPE", "SkylakeX", "AVX-512 present"});
    // libtorch 1.13 stays at AVX2 unless told; 2.x comes to the same by itself.
    settings.push_back({"ATEN_CPU_CAPABILITY", "avx512", "AVX-512 present"});
  }
  const std::string count = std::to_string(threads.value_or(1));
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
    settings.push_back({name, count, threads ? "STET_THREADS" : "one rank is one thread", threads.has_value()});
  }
  if (ranks > cores) {
    settings.push_back(
        {"OMPI_MCA_mpi_yield_when_idle", "1", std::to_string(ranks) + " ranks on " + std::to_string(cores) + " cores"});
  }
  // Activations are freed and asked for again at every step. By default malloc gives such blocks back to the system,
  // which then must fault in and clear every page anew.
  settings.push_back({"MALLOC_MMAP_THRESHOLD_", "1073741824", "keep large activations mapped"});
  settings.push_back({"MALLOC_TRIM_THRESHOLD_", "4294967296", "keep large activations mapped"});
  settings.push_back({"MALLOC_TOP_PAD_", "67108864", "keep large activations mapped"});
  return {std::move(settings)};
}

std::optional<int> threads_wanted(const GetVariable& get) {
  const char* text = get("STET_THREADS");
  if (text == nullptr) return std::nullopt;
  const std::optional<int> number = positive(text);
  if (!number || *number > 4096) {
    throw BadVariable("bad environment variable STET_THREADS\n  expected: threads a rank, 1 to 4096\n  received: '" +
                      std::string(text) + "'");
  }
  return number;
}

int ranks_here(const GetVariable& get) {
  // Open MPI's mpirun; MPICH's and Intel's.
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"}) {
    if (const std::optional<int> ranks = positive(get(name))) return *ranks;
  }
  // srun. Without a rank (a batch script's own shell) the variables speak of the job, not of us.
  if (get("SLURM_PROCID") != nullptr) {
    if (const char* tasks = get("SLURM_STEP_TASKS_PER_NODE")) return most_tasks(tasks);
  }
  return 1;
}

int cores_here(const GetVariable& get, int online) {
  return std::max(1, positive(get("SLURM_CPUS_ON_NODE")).value_or(online));
}

std::string apply(const LibraryEnvironment& environment, const GetVariable& get, const SetVariable& set) {
  std::string account;
  for (const Setting& setting : environment.settings) {
    const char* present = get(setting.name.c_str());
    const bool kept = present != nullptr && !setting.overrides;
    if (!account.empty()) account += "; ";
    account += setting.name + "=" + (kept ? std::string(present) : setting.value) + " (" +
               (kept ? "set by the user" : setting.reason) + ")";
    if (!kept) set(setting.name, setting.value);
  }
  return account;
}

bool stops_politely(int count, const char* const* arguments) noexcept {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with('-'))
      return argument == "run" || argument == "slick";  // the first word is the command; only flags come before it
  }
  return false;
}

}  // namespace stet::launcher
