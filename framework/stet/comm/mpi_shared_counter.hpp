// SharedCounter in a one-sided window of MPI. Compiled only with MPI; made by Communicator::make_counter().
#pragma once

#include <stet/comm/mpi_communicator.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace stet {

/// The number lives on rank 0. Over a network a library may need rank 0 to call MPI before a draw from outside is
/// answered, but rank 0 computes: so it keeps a thread that looks in every few milliseconds, if threads may do that.
class MpiSharedCounter final : public SharedCounter {
 public:
  /// Collective. `concurrent`: MPI_THREAD_MULTIPLE is provided.
  MpiSharedCounter(MPI_Comm group, bool concurrent);
  ~MpiSharedCounter() override;
  MpiSharedCounter(const MpiSharedCounter&) = delete;
  MpiSharedCounter& operator=(const MpiSharedCounter&) = delete;

  [[nodiscard]] std::int64_t next() override;

 private:
  void answer();

  MPI_Comm group_ = MPI_COMM_NULL;  // a duplicate of its own
  MPI_Win window_ = MPI_WIN_NULL;
  std::int64_t* value_ = nullptr;  // on rank 0
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread host_;
};

}  // namespace stet
