// Finding out, from the environment alone, whether a launcher (mpirun, srun, mpiexec) started this process.
#pragma once

#include <functional>
#include <string>

namespace stet {

/// What the environment says of the launch.
struct Launch {
  std::string launcher;  ///< "Open MPI (mpirun)", "PMIx (srun)", "PMI (mpiexec)", ...; empty: none
  int processes = 0;     ///< how many the launcher started; 0: it does not say
  /// Several tasks were started by `srun` without PMIx: they cannot find each other, and each would take itself for the
  /// whole job.
  bool strangers = false;
};

/// Value of an environment variable, or nullptr.
using Environment = std::function<const char*(const char* name)>;

/// Recognises Open MPI, PMIx, PMI (MPICH, Intel MPI and relatives) and Slurm's steps. A step of one task needs no MPI
/// and counts as no launcher.
[[nodiscard]] Launch detect_launch(const Environment& environment);

/// The launcher of this process, for instance "Open MPI (mpirun)" or "PMIx (srun)"; empty if it was started directly.
[[nodiscard]] std::string launch_detected();

}  // namespace stet
