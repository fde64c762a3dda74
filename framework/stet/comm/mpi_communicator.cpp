#include <stet/comm/mpi_communicator.hpp>

#include <stet/comm/mpi_shared_counter.hpp>

#include <stet/base/error.hpp>

#include <boost/mpi/collectives.hpp>
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/exception.hpp>
#include <boost/serialization/string.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <thread>
#include <utility>

namespace stet {

namespace {

std::string text_of(int code) {
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) return "MPI error " + std::to_string(code);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

Error mpi_error(int code, const char* call) {
  return Error(ErrorKind::communication, std::string(call) + " failed")
      .received(text_of(code))
      .hint("look in the job's log for a rank or node that failed first");
}

/// Calls `action` with consecutive pieces of at most `piece` elements.
template <class T, class Action>
void in_pieces(std::span<T> values, std::size_t piece, const Action& action) {
  for (std::size_t at = 0; at < values.size(); at += piece) {
    action(values.subspan(at, std::min(piece, values.size() - at)));
  }
}

/// Of the channel that a group's verdicts go over. Group numbers are odd.
std::uint64_t verdict_number(std::uint64_t group) { return group ^ 0xd6e8feb866599dfeULL; }

/// Boost.MPI counts the bytes of all texts together in an int.
constexpr std::size_t longest_texts = std::size_t{1} << 30;

/// Runs a Boost.MPI operation; its exceptions become our errors.
template <class Action>
void with_boost(MPI_Comm handle, const Action& action) {
  try {
    const boost::mpi::communicator communicator(handle, boost::mpi::comm_attach);
    action(communicator);
  } catch (const boost::mpi::exception& error) {
    throw mpi_error(error.result_code(), error.routine());
  }
}

}  // namespace

void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) throw mpi_error(code, call);
}

void MpiCommunicator::check(int code, const char* call) const {
  if (code != MPI_SUCCESS) throw mpi_error(code, call).at("rank " + std::to_string(rank_));
}

MpiCommunicator::MpiCommunicator(MPI_Comm handle, std::size_t piece)
    : MpiCommunicator(handle, piece, std::make_shared<FlightRecorder>(), 1) {}

MpiCommunicator::MpiCommunicator(MPI_Comm handle, std::size_t piece, std::shared_ptr<FlightRecorder> recorder,
                                 std::uint64_t group)
    : Communicator(std::move(recorder)),
      handle_(handle),
      piece_(piece),
      group_(group),
      slot_(this->recorder().open_group(group)),
      verdict_slot_(this->recorder().open_group(verdict_number(group))) {
  STET_ASSERT(handle != MPI_COMM_NULL && piece > 0 && piece <= std::size_t{std::numeric_limits<int>::max()});
  check_mpi(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(handle_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(handle_, &size_), "MPI_Comm_size");
  if (size_ > 1) check_mpi(MPI_Comm_dup(handle_, &verdicts_), "MPI_Comm_dup");
}

MpiCommunicator::~MpiCommunicator() {
  recorder().close_group(verdict_slot_);
  recorder().close_group(slot_);
  int finalized = 0;
  // Freeing is collective. Where the ranks cannot come together again, or an exception passes, nothing is waited for.
  if (broken() || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0) return;
  if (verdicts_ != MPI_COMM_NULL) MPI_Comm_free(&verdicts_);
  MPI_Comm_free(&handle_);
}

std::uint64_t MpiCommunicator::next_group(int color) {
  // Any mixing does that spreads; all ranks count their children alike.
  std::uint64_t number = group_ * 0x9e3779b97f4a7c15ULL + ++children_ * 0xbf58476d1ce4e5b9ULL +
                         static_cast<std::uint64_t>(color + 1) * 0x94d049bb133111ebULL;
  number ^= number >> 31;
  return number | 1;  // never 0, which is a free place
}

void MpiCommunicator::barrier() {
  const auto scope = inside("barrier");
  check(MPI_Barrier(handle_), "MPI_Barrier");
}

template <class T>
void MpiCommunicator::all_reduce(std::span<T> values, MPI_Datatype type, MPI_Op operation) {
  const auto scope = inside("all_reduce", values.size());
  in_pieces(values, piece_, [&](std::span<T> part) {
    check(MPI_Allreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), type, operation, handle_),
          "MPI_Allreduce");
  });
}

void MpiCommunicator::all_reduce_sum(std::span<float> values) { all_reduce(values, MPI_FLOAT, MPI_SUM); }
void MpiCommunicator::all_reduce_sum(std::span<double> values) { all_reduce(values, MPI_DOUBLE, MPI_SUM); }
void MpiCommunicator::all_reduce_sum(std::span<std::int64_t> values) { all_reduce(values, MPI_INT64_T, MPI_SUM); }
void MpiCommunicator::all_reduce_max(std::span<double> values) { all_reduce(values, MPI_DOUBLE, MPI_MAX); }

template <class T>
void MpiCommunicator::tree_all_reduce(std::span<T> values, MPI_Datatype type) {
  if ((size_ & (size_ - 1)) != 0) {
    throw Error(ErrorKind::communication, "a sum in a fixed tree needs a power of two of ranks")
        .expected("1, 2, 4, 8, ... ranks")
        .received(std::to_string(size_) + " ranks");
  }
  if (size_ == 1) return;
  const auto scope = inside("tree_all_reduce", values.size());
  // Elements are independent of each other, so cutting changes no bits. Pieces of this size keep the buffer small and
  // the addition in the cache.
  const std::size_t piece = std::min(piece_, (std::size_t{4} << 20) / sizeof(T));
  std::vector<T> theirs(std::min(piece, values.size()));
  in_pieces(values, piece, [&](std::span<T> mine) {
    const int count = static_cast<int>(mine.size());
    for (int distance = 1; distance < size_; distance *= 2) {
      const int partner = rank_ ^ distance;
      check(MPI_Sendrecv(mine.data(), count, type, partner, 0, theirs.data(), count, type, partner, 0, handle_,
                         MPI_STATUS_IGNORE),
            "MPI_Sendrecv");
      // Both partners add the lower block's sum first, so that not even a NaN's bits differ.
      if (rank_ < partner) {
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = mine[i] + theirs[i];
      } else {
        for (std::size_t i = 0; i < mine.size(); ++i) mine[i] = theirs[i] + mine[i];
      }
    }
  });
}

void MpiCommunicator::tree_all_reduce_sum(std::span<float> values) { tree_all_reduce(values, MPI_FLOAT); }
void MpiCommunicator::tree_all_reduce_sum(std::span<double> values) { tree_all_reduce(values, MPI_DOUBLE); }

void MpiCommunicator::broadcast(std::span<std::byte> bytes, int root) {
  STET_ASSERT(root >= 0 && root < size_);
  const auto scope = inside("broadcast", bytes.size());
  in_pieces(bytes, piece_, [&](std::span<std::byte> part) {
    check(MPI_Bcast(part.data(), static_cast<int>(part.size()), MPI_BYTE, root, handle_), "MPI_Bcast");
  });
}

std::vector<std::string> MpiCommunicator::all_gather(const std::string& mine) {
  STET_ASSERT(mine.size() <= longest_texts / static_cast<std::size_t>(size_));
  const auto scope = inside("all_gather");
  std::vector<std::string> all;
  with_boost(handle_, [&](const auto& communicator) { boost::mpi::all_gather(communicator, mine, all); });
  return all;
}

std::string MpiCommunicator::broadcast_text(const std::string& text, int root) {
  STET_ASSERT(root >= 0 && root < size_ && text.size() <= longest_texts);
  const auto scope = inside("broadcast_text");
  std::string result = rank_ == root ? text : std::string();
  with_boost(handle_, [&](const auto& communicator) { boost::mpi::broadcast(communicator, result, root); });
  return result;
}

std::unique_ptr<Communicator> MpiCommunicator::duplicate() {
  MPI_Comm handle = MPI_COMM_NULL;
  {
    const auto scope = inside("duplicate");
    check(MPI_Comm_dup(handle_, &handle), "MPI_Comm_dup");
  }
  return std::make_unique<MpiCommunicator>(handle, piece_, shared_recorder(), next_group(0));
}

std::unique_ptr<Communicator> MpiCommunicator::split(int color) {
  STET_ASSERT(color >= 0);
  MPI_Comm handle = MPI_COMM_NULL;
  {
    const auto scope = inside("split");
    check(MPI_Comm_split(handle_, color, rank_, &handle), "MPI_Comm_split");
  }
  return std::make_unique<MpiCommunicator>(handle, piece_, shared_recorder(), next_group(color));
}

std::unique_ptr<SharedCounter> MpiCommunicator::make_counter() { return std::make_unique<MpiSharedCounter>(handle_); }

bool MpiCommunicator::concurrent() const {
  int provided = MPI_THREAD_SINGLE;
  return MPI_Query_thread(&provided) == MPI_SUCCESS && provided == MPI_THREAD_MULTIPLE;
}

bool MpiCommunicator::everyone_arrives(double seconds) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(handle_, &request) != MPI_SUCCESS) return false;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int arrived = 0;
  while (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE) == MPI_SUCCESS && arrived == 0) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return arrived != 0;
}

std::optional<std::vector<std::string>> MpiCommunicator::settle(const std::string* failure) {
  STET_ASSERT(!broken());
  if (size_ == 1) return failure == nullptr ? std::vector<std::string>() : std::vector<std::string>{*failure};
  const FlightRecorder::Inside scope(recorder(), verdict_slot_, "verdict");
  // Where the group turns out to be lost, MPI still holds these two: then they are never freed.
  auto numbers = std::make_unique<std::array<int, 2>>(std::array<int, 2>{failure != nullptr ? 1 : 0, 0});
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(&(*numbers)[0], &(*numbers)[1], 1, MPI_INT, MPI_MAX, verdicts_, &request), "MPI_Iallreduce");
  const auto begin = std::chrono::steady_clock::now();
  auto look = begin + std::chrono::milliseconds(100);
  std::optional<std::uint64_t> seen;
  while (true) {
    int arrived = 0;
    check(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
    if (arrived != 0) break;
    const auto now = std::chrono::steady_clock::now();
    // Waiting for slower ranks: like MPI itself for a moment, then without a processor.
    if (now - begin < std::chrono::milliseconds(2)) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    if (failure == nullptr || now < look) continue;
    // Twice the same: a rank may just be on its way out of a collective that this one has done its part for.
    const std::optional<std::uint64_t> waits = recorder().waited_for();
    if (waits && seen == waits) {
      static_cast<void>(numbers.release());
      mark_broken();
      return std::nullopt;
    }
    seen = waits;
    look = now + std::chrono::seconds(2);
  }
  if ((*numbers)[1] == 0) return std::vector<std::string>();
  std::vector<std::string> all;
  const std::string mine = failure != nullptr ? *failure : "";
  with_boost(verdicts_, [&](const auto& communicator) { boost::mpi::all_gather(communicator, mine, all); });
  return all;
}

void MpiCommunicator::abort(int exit_code) {
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, exit_code);  // the world, also from a part of it
  std::_Exit(exit_code);
}

}  // namespace stet
