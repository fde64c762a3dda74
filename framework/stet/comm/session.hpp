// The life of a process among its fellows: MPI is initialised if a launcher started the process, and finalised at the
// end.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/comm/detected_launch.hpp>

#include <memory>
#include <string>

namespace stet {

/// Made once, at the start of main, and destroyed last (MPI cannot be initialised again). A process that was started
/// directly, without mpirun or srun, is a group of one and never touches MPI.
///
/// The destructor waits for the other ranks (MPI_Finalize). An error that only one rank knows of must therefore end in
/// world().abort(); one that all ranks know of, for instance from collectively(), may simply leave main.
class Session {
 public:
  /// Throws Error (communication) if MPI cannot be used as it must be: no thread support, a group that is smaller than
  /// what the launcher started (another MPI's launcher, or srun without PMIx), or a build without MPI that was launched
  /// in several processes. Each of them would otherwise run the whole job, over each other's files.
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// All processes of the launch.
  [[nodiscard]] Communicator& world();
  [[nodiscard]] bool uses_mpi() const;
  /// For the log: "single process", or "4 processes, Open MPI v4.1.4, started by Open MPI (mpirun)".
  [[nodiscard]] std::string description() const;

 private:
  struct Mpi;  // initialises and finalises MPI; empty without it
  std::unique_ptr<Mpi> mpi_;
  std::unique_ptr<Communicator> world_;
  std::string description_;
};

}  // namespace stet
