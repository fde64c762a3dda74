// A folder of token shards as one long list of sequences, larger than memory if need be.
//
// Shards are mapped when they are first needed, and then checked against the index. Reading copies the sequence out.
// Mapped pages count as memory of the process as long as they stay mapped, so they are given back whenever about
// `resident_bytes` of them were touched; the system's page cache keeps what it has room for.
#pragma once

#include <stet/data/sampler.hpp>
#include <stet/data/shard_file.hpp>
#include <stet/data/shard_index.hpp>
#include <stet/text/tokenizer.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// The order to read a set in. Blocks of 256 sequences, 16 blocks a window: a window's pages fit the budget below, so
/// that they are mapped once.
inline constexpr BlockOrder shard_order{256, 16};

struct ShardSetOptions {
  std::uint64_t resident_bytes = 96 << 20;  ///< of mapped pages, at most (and one sequence)
  std::size_t open_shards = 1024;           ///< mapped at a time, at most
};

/// What of a sequence will be read: how long it is and where, or all of it.
enum class Need { tables, contents };

/// All members may be called from several threads at once. A thread that waits for the disk lets the others go on.
class ShardSet {
 public:
  /// Reads the index alone. Throws as ShardIndex::read().
  [[nodiscard]] static ShardSet open(const std::filesystem::path& folder, ShardSetOptions options = {});
  ~ShardSet();
  ShardSet(ShardSet&&) noexcept;
  ShardSet& operator=(ShardSet&&) noexcept;

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] const ShardIndex& index() const noexcept { return index_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return starts_.back(); }  ///< sequences

  /// Sequence `i` < size(); its example is i. O(log shards). Throws Error (data) naming the file for a shard that is
  /// absent, cut off, of another tokenizer, or not what the index says, and for contents that are impossible. Contents
  /// that are altered but possible are found by verify() alone.
  [[nodiscard]] TokenSequence sequence(std::uint64_t i);
  /// Tokens of it, and those with loss; does not touch the tokens.
  [[nodiscard]] ShardFile::Size size_of(std::uint64_t i);
  /// Says which sequences will be read soon: the system reads them from the disk meanwhile, all at once, and nothing
  /// waits (but for the tables where they are not in memory yet when contents are asked for; ask for them some time
  /// before). Neighbours are asked for together. Ascending indices. A hint: a shard that cannot be opened is the
  /// reader's error.
  void fetch(std::span<const std::uint64_t> indices, Need need);
  /// Bytes that a sequence takes, on average.
  [[nodiscard]] std::uint64_t mean_bytes() const noexcept { return mean_bytes_; }
  /// Reads all of shard `number`. Throws Error (data) unless it is what the index says, to the bit.
  void verify(std::size_t number);
  /// Throws Error (data), with a hint, unless the shards were made with this tokenizer.
  void require_tokenizer(const Tokenizer& tokenizer) const;

  /// Bytes of mapped pages that were touched since they were last given back (an upper bound of what is resident).
  [[nodiscard]] std::uint64_t touched_bytes() const;

 private:
  struct Open;
  ShardSet(std::filesystem::path folder, ShardIndex index, ShardSetOptions options);
  std::shared_ptr<Open> acquire(std::size_t number);
  void open_shard(std::size_t number);
  void fetch_run(std::uint64_t first, std::uint64_t last, Need need);
  void mark(Open& shard, std::span<const std::byte> part);
  void touch(std::size_t number, const Open& shard, std::span<const std::span<const std::byte>> parts);
  [[nodiscard]] std::pair<std::size_t, std::uint64_t> locate(std::uint64_t i) const;

  std::filesystem::path folder_;
  ShardIndex index_;
  ShardSetOptions options_;
  std::vector<std::uint64_t> starts_;        // [shards + 1] first sequence of each shard
  std::vector<std::shared_ptr<Open>> open_;  // shared with those who read while others open
  std::uint64_t mean_bytes_ = 1;
  std::size_t mapped_ = 0;
  std::vector<Open*> dirty_;   // with touched pages
  std::uint64_t touched_ = 0;  // bytes
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

}  // namespace stet
