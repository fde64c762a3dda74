#include <stet/comm/mpi_environment.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/comm/mpi_communicator.hpp>

namespace stet {

MpiEnvironment::MpiEnvironment() {
  int initialized = 0;
  check_mpi(MPI_Initialized(&initialized), "MPI_Initialized");
  STET_ASSERT(initialized == 0);
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED) {
    const std::string name = library();
    MPI_Finalize();
    throw Error(ErrorKind::communication, "this MPI cannot be used from several threads")
        .expected("MPI_THREAD_SERIALIZED or MPI_THREAD_MULTIPLE")
        .received(provided == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED" : "MPI_THREAD_SINGLE")
        .hint(name + " was built without thread support: use another build of it");
  }
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  set_fault_rank(rank);
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

MpiEnvironment::~MpiEnvironment() { MPI_Finalize(); }

std::unique_ptr<Communicator> MpiEnvironment::world() {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &handle), "MPI_Comm_dup");
  return std::make_unique<MpiCommunicator>(handle);
}

std::string MpiEnvironment::library() {
  std::string text(MPI_MAX_LIBRARY_VERSION_STRING, '\0');
  int length = 0;
  check_mpi(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  text.resize(static_cast<std::size_t>(length));
  return text.substr(0, text.find_first_of(",\n"));
}

}  // namespace stet
