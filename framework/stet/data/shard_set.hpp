// A folder of token shards as one long list of sequences, larger than memory if need be.
//
// Shards are mapped when they are first needed, and then checked against the index. Reading copies the sequence out. Mapped
// pages count as memory of the process as long as they stay mapped, so they are given back whenever about
// `resident_bytes` of them were touched; the system's page cache keeps what it has room for.
#pragma once

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

struct ShardSetOptions {
  std::uint64_t resident_bytes = 96 << 20;  ///< of mapped pages, at most (and one sequence)
  std::size_t open_shards = 1024;           ///< mapped at a time, at most
};

/// All members may be called from several threads at once.
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
  /// Reads all of shard `number`. Throws Error (data) unless it is what the index says, to the bit.
  void verify(std::size_t number);
  /// Throws Error (data), with a hint, unless the shards were made with this tokenizer.
  void require_tokenizer(const Tokenizer& tokenizer) const;

  /// Bytes of mapped pages that were touched since they were last given back (an upper bound of what is resident).
  [[nodiscard]] std::uint64_t touched_bytes() const;

 private:
  struct Open;
  ShardSet(std::filesystem::path folder, ShardIndex index, ShardSetOptions options);
  Open& open_shard(std::size_t number);
  void mark(Open& shard, std::span<const std::byte> part);
  void touch(Open& shard, std::uint64_t s, bool with_tokens);
  [[nodiscard]] std::pair<std::size_t, std::uint64_t> locate(std::uint64_t i) const;

  std::filesystem::path folder_;
  ShardIndex index_;
  ShardSetOptions options_;
  std::vector<std::uint64_t> starts_;  // [shards + 1] first sequence of each shard
  std::vector<std::unique_ptr<Open>> open_;
  std::size_t mapped_ = 0;
  std::vector<Open*> dirty_;   // with touched pages
  std::uint64_t touched_ = 0;  // bytes
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

}  // namespace stet
