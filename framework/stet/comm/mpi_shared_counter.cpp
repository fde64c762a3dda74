#include <stet/comm/mpi_shared_counter.hpp>

#include <stet/base/error.hpp>

#include <chrono>
#include <exception>

namespace stet {
namespace {

constexpr int draw = 1, drawn = 2, farewell = 3;  // tags

}  // namespace

MpiSharedCounter::MpiSharedCounter(MPI_Comm group) {
  check_mpi(MPI_Comm_size(group, &size_), "MPI_Comm_size");
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
  if (size_ > 1 && provided != MPI_THREAD_MULTIPLE) {
    throw Error(ErrorKind::communication, "this MPI library does not let several threads communicate")
        .expected("MPI_THREAD_MULTIPLE, so that the first rank can hand out runs while it computes")
        .hint("--ranks-per-run 0 works with all ranks on one run after another");
  }
  check_mpi(MPI_Comm_dup(group, &group_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_rank(group_, &rank_), "MPI_Comm_rank");
  if (rank_ == 0 && size_ > 1) host_ = std::thread([this] { answer(); });
}

MpiSharedCounter::~MpiSharedCounter() {
  int finalized = 0;
  // On the way out of a failure the others may never come, and the process ends anyway.
  const bool failing = std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0;
  if (rank_ != 0 && !failing) MPI_Send(nullptr, 0, MPI_BYTE, 0, farewell, group_);
  if (failing) abandoned_ = true;
  if (host_.joinable()) host_.join();
  if (!failing) MPI_Comm_free(&group_);
}

std::int64_t MpiSharedCounter::next() {
  if (rank_ == 0) return value_++;
  std::int64_t mine = 0;
  check_mpi(MPI_Send(nullptr, 0, MPI_BYTE, 0, draw, group_), "MPI_Send");
  check_mpi(MPI_Recv(&mine, 1, MPI_INT64_T, 0, drawn, group_, MPI_STATUS_IGNORE), "MPI_Recv");
  return mine;
}

void MpiSharedCounter::answer() {
  for (int present = size_ - 1; present > 0 && !abandoned_;) {
    int arrived = 0;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, group_, &arrived, &status) != MPI_SUCCESS) return;
    if (arrived == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // no waiting call of MPI leaves the processor alone
      continue;
    }
    MPI_Recv(nullptr, 0, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, group_, MPI_STATUS_IGNORE);
    if (status.MPI_TAG == farewell) {
      --present;
    } else {
      const std::int64_t theirs = value_++;
      MPI_Send(&theirs, 1, MPI_INT64_T, status.MPI_SOURCE, drawn, group_);
    }
  }
}

}  // namespace stet
