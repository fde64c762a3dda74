// What the libraries below libtorch (OpenBLAS, ATen, OpenMP, malloc, Open MPI) should be told on this machine. They
// read their environment when they are loaded, so the program `stet` is a launcher: it sets these variables and then
// becomes `stet-engine`. Knows neither libtorch nor any room.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stet::launcher {

/// What the choices depend on.
struct CpuFeatures {
  bool avx2 = false;    ///< AVX2 and FMA
  bool avx512 = false;  ///< AVX-512 F, DQ, BW and VL: what OpenBLAS' SkylakeX kernels use
};

/// Of the processor that this runs on, as far as the operating system lets them be used.
[[nodiscard]] CpuFeatures detect_cpu() noexcept;

/// One environment variable, and why it gets this value.
struct Setting {
  std::string name, value, reason;
  bool overrides = false;  ///< also replaces a value that the user had set
};

struct LibraryEnvironment {
  std::vector<Setting> settings;
};

/// The choices for one process of `ranks` on a machine of `cores` cores. Pure.
/// `threads`: as the user asks (STET_THREADS); without it one rank is one thread.
[[nodiscard]] LibraryEnvironment choose(const CpuFeatures& cpu, int cores, int ranks, std::optional<int> threads = {});

/// Value of an environment variable, or nullptr.
using GetVariable = std::function<const char*(const char* name)>;
using SetVariable = std::function<void(const std::string& name, const std::string& value)>;

/// A value that is not usable; what() is the whole message.
struct BadVariable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// STET_THREADS, or nothing if unset. Throws BadVariable unless it is a whole number from 1 to 4096.
[[nodiscard]] std::optional<int> threads_wanted(const GetVariable& get);

/// How many ranks of this job run on this machine, from what Open MPI, MPICH or Slurm say; 1 without a launcher.
[[nodiscard]] int ranks_here(const GetVariable& get);

/// Cores that all ranks on this machine share: those of the Slurm allocation, else `online`. (The affinity mask would
/// be wrong here: mpirun binds each rank to its own part.)
[[nodiscard]] int cores_here(const GetVariable& get, int online);

/// Sets what is not yet set (or is to be overridden), and returns an account of it for STET_CHOSEN:
/// "OPENBLAS_CORETYPE=SkylakeX (AVX-512 present); OMP_NUM_THREADS=4 (set by the user)".
std::string apply(const LibraryEnvironment& environment, const GetVariable& get, const SetVariable& set);

/// Whether these arguments of the program are a command that ends with a checkpoint when it is told to stop: `run`,
/// `slick`.
[[nodiscard]] bool stops_politely(int count, const char* const* arguments) noexcept;

}  // namespace stet::launcher
