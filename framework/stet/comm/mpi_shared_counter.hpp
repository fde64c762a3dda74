// SharedCounter as a small server: a thread of rank 0 answers requests. Compiled only with MPI; made by
// Communicator::make_counter(). Not a one-sided window: Open MPI 4 names a window's file by job and context number,
// which two parts of one split share, so that their windows run into each other.
#pragma once

#include <stet/comm/mpi_communicator.hpp>

#include <atomic>
#include <thread>

namespace stet {

/// The number lives on rank 0, where a thread looks for requests every millisecond while the rank itself computes.
class MpiSharedCounter final : public SharedCounter {
 public:
  /// Collective. More than one rank need MPI_THREAD_MULTIPLE: otherwise Error (communication).
  explicit MpiSharedCounter(MPI_Comm group);
  ~MpiSharedCounter() override;
  MpiSharedCounter(const MpiSharedCounter&) = delete;
  MpiSharedCounter& operator=(const MpiSharedCounter&) = delete;

  [[nodiscard]] std::int64_t next() override;

 private:
  void answer();

  MPI_Comm group_ = MPI_COMM_NULL;  // a duplicate of its own
  int rank_ = 0, size_ = 1;
  std::atomic<std::int64_t> value_{0};  // on rank 0
  std::atomic<bool> abandoned_{false};
  std::thread host_;
};

}  // namespace stet
