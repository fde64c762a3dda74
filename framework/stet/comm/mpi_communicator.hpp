// Communicator over MPI. Compiled only with MPI (STET_HAVE_MPI); users take communicators from Session.
#pragma once

#include <stet/comm/communicator.hpp>

// Only MPI's C interface: the C++ one, long removed from the standard, would need another library.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <cstddef>
#include <cstdint>

namespace stet {

class MpiCommunicator final : public Communicator {
 public:
  /// Elements of one message at most: counts of MPI 3 are int.
  static constexpr std::size_t default_piece = std::size_t{1} << 30;

  /// Takes `handle` over and frees it at the end. Messages are cut into pieces of at most `piece` elements (smaller
  /// values serve tests; every rank must give the same). Collective: a channel for settle() is made.
  explicit MpiCommunicator(MPI_Comm handle, std::size_t piece = default_piece);
  /// `group`: a number that its ranks agree on and that no other living communicator of theirs has.
  MpiCommunicator(MPI_Comm handle, std::size_t piece, std::shared_ptr<FlightRecorder> recorder, std::uint64_t group);
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  void barrier() override;
  void all_reduce_sum(std::span<float> values) override;
  void all_reduce_sum(std::span<double> values) override;
  void all_reduce_sum(std::span<std::int64_t> values) override;
  void all_reduce_max(std::span<double> values) override;
  void tree_all_reduce_sum(std::span<float> values) override;
  void tree_all_reduce_sum(std::span<double> values) override;
  void broadcast(std::span<std::byte> bytes, int root) override;
  [[nodiscard]] std::vector<std::string> all_gather(const std::string& mine) override;
  [[nodiscard]] std::string broadcast_text(const std::string& text, int root) override;
  [[nodiscard]] std::unique_ptr<Communicator> duplicate() override;
  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override;
  [[nodiscard]] std::unique_ptr<SharedCounter> make_counter() override;
  [[nodiscard]] bool concurrent() const override;
  [[nodiscard]] bool everyone_arrives(double seconds) override;
  [[nodiscard]] std::optional<std::vector<std::string>> settle(const std::string* failure) override;
  [[noreturn]] void abort(int exit_code) override;

  /// For what this class does not offer (one-sided windows); stays owned by this object.
  [[nodiscard]] MPI_Comm handle() const { return handle_; }

 private:
  template <class T>
  void all_reduce(std::span<T> values, MPI_Datatype type, MPI_Op operation);
  template <class T>
  void tree_all_reduce(std::span<T> values, MPI_Datatype type);
  void check(int code, const char* call) const;

  [[nodiscard]] FlightRecorder::Inside inside(const char* what, std::size_t elements = 0) const {
    return FlightRecorder::Inside(recorder(), slot_, what, elements);
  }
  [[nodiscard]] std::uint64_t next_group(int color);

  MPI_Comm handle_, verdicts_ = MPI_COMM_NULL;
  std::size_t piece_;
  std::uint64_t group_, children_ = 0;
  int slot_, verdict_slot_;
  int rank_ = 0, size_ = 1;
};

/// Throws Error (communication) with MPI's own text if `code` is not MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace stet
