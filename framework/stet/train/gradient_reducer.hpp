// Adds the gradients of all micro-shards of a step, over this rank's shards and over ranks, while backward still runs.
//
// The global batch is cut into K canonical shards; rank r of R owns K/R neighbouring ones. Their gradients are added in
// a fixed binary tree over the K shards: first this rank's subtree, then the levels between ranks by pairwise exchange.
// So 1, 2, 4, ... ranks give the same bits (design, section 8). Where the rank count is no power of two, and K was not
// asked for, MPI_Allreduce is used instead and that promise is off.
//
// A communication thread does the exchange, since MPI's nonblocking collectives need not progress by themselves.
// Buckets are slices of the flat gradient, cut by a fixed plan from its end, the order in which backward completes it.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/model/torch.hpp>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace stet {

class GradientReducer {
 public:
  /// Collective. `elements` of the flat gradient; `micro_shards` K (0: one a rank). Throws Error (config) unless K is
  /// a power of two that the rank count divides.
  GradientReducer(Communicator& communicator, std::int64_t elements, at::ScalarType type, std::int64_t micro_shards,
                  std::int64_t bucket_elements);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// Between steps: from now on the flat gradient has so many elements. What finish() gave is not valid any more.
  void resize(std::int64_t elements);

  [[nodiscard]] std::int64_t elements() const noexcept { return elements_; }
  [[nodiscard]] std::int64_t shards() const noexcept { return shards_; }      ///< K
  [[nodiscard]] std::int64_t first_shard() const noexcept { return first_; }  ///< of this rank
  [[nodiscard]] std::int64_t local_shards() const noexcept { return local_; }

  /// A zeroed flat gradient for the next local shard.
  [[nodiscard]] const at::Tensor& begin_shard();
  /// Called by backward of the last local shard: gradients at or above `offset` are final. (Ignored for earlier
  /// shards.)
  void complete_from(std::int64_t offset);
  /// Ends a shard; for the last one also completes everything that is left.
  void end_shard();
  /// Collective. Waits for the reduction and returns the sum over all shards; valid until the next begin_shard().
  [[nodiscard]] const at::Tensor& finish();
  /// Collective: sums doubles over shards in the same tree. `mine`: [local_shards][width], replaced by the totals
  /// [width].
  [[nodiscard]] std::vector<double> sum(const std::vector<std::vector<double>>& mine);

  /// Seconds that finish() has waited for communication, in all. For benchmarks and the log.
  [[nodiscard]] double waited_seconds() const noexcept { return waited_; }

 private:
  struct Level {
    int level;
    at::Tensor gradient;
  };
  void communicate();
  void reduce(std::int64_t begin, std::int64_t end);
  void merge_slice(std::int64_t begin, std::int64_t end);

  Communicator& communicator_;
  std::unique_ptr<Communicator> channel_;  // used by the communication thread alone
  std::int64_t elements_, shards_, first_, local_, bucket_;
  at::ScalarType type_;
  bool tree_;

  std::vector<at::Tensor> pool_;  // zeroable buffers
  std::vector<Level> stack_;      // subtree sums of finished shards, leftmost first
  at::Tensor current_, total_;
  std::int64_t index_ = 0;     // local shard under way
  std::int64_t next_end_ = 0;  // buckets above this offset have been handed over

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::int64_t, std::int64_t>> queue_;
  std::size_t taken_ = 0, done_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_;
  double waited_ = 0;
};

}  // namespace stet
