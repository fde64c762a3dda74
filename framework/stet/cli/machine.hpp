// What this machine and this build offer, for `stet doctor`: which libraries are really loaded, how wide their kernels
// are, what one core computes, and what stands in the way of speed. It inspects and changes nothing.
#pragma once

#include <stet/model/arithmetic.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stet {

/// Texts are empty, numbers 0, where the system does not say.
struct MachineReport {
  std::string version;   ///< of stet
  std::string compiler;  ///< "g++ 12.2.0"

  Arithmetic arithmetic;                 ///< what computes: processor, libtorch, BLAS
  std::string torch_blas;                ///< what libtorch was built for ("BLAS_INFO=generic"); not what is loaded
  std::vector<std::string> blas_loaded;  ///< every BLAS in the process, by file

  std::string cpu_simd;  ///< "AVX-512", "AVX2", "less than AVX2"
  int cores = 0;         ///< that this process may use (affinity)
  double cpu_quota = 0;  ///< cores that the control group allows; 0: no limit
  int threads = 0;       ///< of libtorch, a rank
  int ranks_here = 0;    ///< of this job on this machine
  int cores_here = 0;    ///< that all of them share

  std::uint64_t memory_available = 0;  ///< bytes
  std::uint64_t memory_limit = 0;      ///< bytes, of the control group; 0: no limit

  std::string mpi;       ///< "Open MPI v4.1.4", "built without MPI"
  std::string launcher;  ///< "Open MPI (mpirun)"; empty: started directly
  std::string devices;   ///< "CPU", "2 CUDA devices"

  std::optional<double> gflops_384, gflops_768;  ///< float32 matrix product of that size, with `threads`
  std::string chosen;                            ///< what the launcher set (STET_CHOSEN)
  std::vector<std::string> warnings;             ///< with a hint each
};

/// `measure`: also times two matrix products (less than a second, even with a slow BLAS). MPI need not be initialised.
[[nodiscard]] MachineReport inspect_machine(bool measure);

/// Warnings that follow from the rest of the report. inspect_machine has already called it.
[[nodiscard]] std::vector<std::string> machine_warnings(const MachineReport& report);

/// Several lines, the last with a line break; warnings at the end.
[[nodiscard]] std::string format(const MachineReport& report);

}  // namespace stet
