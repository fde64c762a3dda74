#include <stet/comm/session.hpp>

#include <stet/base/error.hpp>
#ifdef STET_HAVE_MPI
#include <stet/comm/mpi_environment.hpp>
#endif

#include <cstdlib>

namespace stet {

struct Session::Mpi {
#ifdef STET_HAVE_MPI
  MpiEnvironment environment;
#endif
};

namespace {
std::string processes(int count) { return std::to_string(count) + (count == 1 ? " process" : " processes"); }
}  // namespace

Session::Session() {
  const Launch launch = detect_launch([](const char* name) { return std::getenv(name); });
  if (launch.strangers) {
    throw Error(ErrorKind::communication, "srun started several tasks that cannot find each other")
        .received(std::to_string(launch.processes) + " tasks (SLURM_STEP_NUM_TASKS) without PMIx")
        .hint("use 'srun --mpi=pmix', or mpirun; 'srun --mpi=list' shows what this cluster has");
  }
#ifdef STET_HAVE_MPI
  if (!launch.launcher.empty()) {
    mpi_ = std::make_unique<Mpi>();
    world_ = MpiEnvironment::world();
    if (launch.processes > 0 && world_->size() != launch.processes) {
      throw Error(ErrorKind::communication, "launcher and MPI library do not fit together")
          .expected(processes(launch.processes) + ", started by " + launch.launcher)
          .received(processes(world_->size()) + ", found by " + MpiEnvironment::library())
          .hint("start it with the mpirun of that library, or with 'srun --mpi=pmix'");
    }
    description_ = processes(world_->size()) + ", " + MpiEnvironment::library() + ", started by " + launch.launcher +
                   (world_->concurrent() ? "" : " (communication not concurrent: no MPI_THREAD_MULTIPLE)");
    return;
  }
#else
  if (launch.processes > 1) {
    throw Error(ErrorKind::communication, "this build has no MPI, but was started in several processes")
        .received(processes(launch.processes) + ", started by " + launch.launcher)
        .hint("build with -DSTET_MPI=ON, or start it directly");
  }
#endif
  world_ = make_single_process();
  description_ = "single process";
}

Session::~Session() = default;  // the world first, then MPI: members go in reverse order

Communicator& Session::world() { return *world_; }
bool Session::uses_mpi() const { return mpi_ != nullptr; }
std::string Session::description() const { return description_; }

}  // namespace stet
