// A rank's own sequences of a shard set, batch after batch, read ahead by a thread.
#pragma once

#include <stet/data/lookahead.hpp>
#include <stet/data/prefetch.hpp>
#include <stet/data/sampler.hpp>
#include <stet/data/shard_set.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace stet {

/// Blocks of 256 sequences, 16 blocks a window: a window's pages fit the ShardSet's budget, so that they are mapped
/// once.
inline constexpr BlockOrder shard_order{256, 16};

struct ShardStreamOptions {
  std::uint64_t batch_size = 64;  ///< sequences of a batch, all ranks together; the last of an epoch may be smaller
  std::uint64_t rank = 0, ranks = 1;
  std::uint64_t position = 0;      ///< of the sampler's order, where the stream begins: all the state that there is
  std::uint64_t end = UINT64_MAX;  ///< no batch begins there or behind
  std::size_t ahead = 8;           ///< batches read ahead; 0: none, and no thread
  bool look_ahead = true;          ///< the disk is told what will be read (Lookahead); false: for comparison
};

/// Batches are counted in sequences and not in tokens: then a batch is a function of its position alone. Sequences are
/// laid end to end (pack()), so no length wastes padding; but steps cost what their lengths are. Ranks share a window's
/// blocks, so pages, unlike sequences, may be read by several of them.
///
/// One rank's part of the batch at positions [range.begin, range.end).
struct ShardBatch {
  BatchRange range;                      ///< of the whole batch
  BatchRange own;                        ///< this rank's positions of it: part `rank` of `ranks`
  std::vector<TokenSequence> sequences;  ///< at own.begin, own.begin + 1, ...
};

/// The batches are those of batch_at(), the parts those of part_of(): the same batches for any number of ranks, each
/// sequence of an epoch once, and no rank reads another's.
class ShardStream {
 public:
  /// `set` must outlive the stream. `sampler.size()` must be set.size().
  ShardStream(ShardSet& set, Sampler sampler, ShardStreamOptions options);
  ShardStream(const ShardStream&) = delete;  // its thread knows where it is
  ShardStream& operator=(const ShardStream&) = delete;

  /// The next batch; nothing behind the end. Throws what ShardSet::sequence() throws, in its place.
  [[nodiscard]] std::optional<ShardBatch> next();
  /// Where the next batch begins: give it as ShardStreamOptions::position to go on from here.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

 private:
  [[nodiscard]] std::optional<ShardBatch> read(std::uint64_t position);

  ShardSet& set_;
  Sampler sampler_;
  ShardStreamOptions options_;
  std::uint64_t position_;
  std::optional<Lookahead> lookahead_;  // of whoever reads: the thread, if there is one
  std::unique_ptr<Prefetcher<ShardBatch>> ahead_;
};

}  // namespace stet
