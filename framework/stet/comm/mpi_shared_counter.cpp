#include <stet/comm/mpi_shared_counter.hpp>

#include <chrono>
#include <exception>

namespace stet {

MpiSharedCounter::MpiSharedCounter(MPI_Comm group, bool concurrent) {
  check_mpi(MPI_Comm_dup(group, &group_), "MPI_Comm_dup");
  int rank = 0;
  check_mpi(MPI_Comm_rank(group_, &rank), "MPI_Comm_rank");
  const MPI_Aint bytes = rank == 0 ? static_cast<MPI_Aint>(sizeof(std::int64_t)) : 0;
  check_mpi(MPI_Win_allocate(bytes, sizeof(std::int64_t), MPI_INFO_NULL, group_, &value_, &window_), "MPI_Win_allocate");
  check_mpi(MPI_Win_set_errhandler(window_, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
  check_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, window_), "MPI_Win_lock_all");
  if (rank == 0) {
    const std::int64_t zero = 0;  // through the window, so that it is in order with the draws
    check_mpi(MPI_Put(&zero, 1, MPI_INT64_T, 0, 0, 1, MPI_INT64_T, window_), "MPI_Put");
    check_mpi(MPI_Win_flush(0, window_), "MPI_Win_flush");
  }
  check_mpi(MPI_Barrier(group_), "MPI_Barrier");
  int size = 1;
  check_mpi(MPI_Comm_size(group_, &size), "MPI_Comm_size");
  if (rank == 0 && size > 1 && concurrent) host_ = std::thread([this] { answer(); });
}

MpiSharedCounter::~MpiSharedCounter() {
  if (host_.joinable()) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
  }
  if (host_.joinable()) host_.join();
  int finalized = 0;
  if (MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0) return;
  // Freeing waits for the other ranks. On the way out of a failure they may never come, and the process ends anyway.
  if (std::uncaught_exceptions() > 0) return;
  MPI_Win_unlock_all(window_);
  MPI_Win_free(&window_);
  MPI_Comm_free(&group_);
}

std::int64_t MpiSharedCounter::next() {
  const std::int64_t one = 1;
  std::int64_t mine = 0;
  check_mpi(MPI_Fetch_and_op(&one, &mine, MPI_INT64_T, 0, 0, MPI_SUM, window_), "MPI_Fetch_and_op");
  check_mpi(MPI_Win_flush(0, window_), "MPI_Win_flush");
  return mine;
}

void MpiSharedCounter::answer() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(5), [this] { return ending_; })) {
    int arrived = 0;  // any call lets the library answer; no message is expected
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, group_, &arrived, MPI_STATUS_IGNORE);
  }
}

}  // namespace stet
