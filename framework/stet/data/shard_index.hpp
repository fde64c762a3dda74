// The table of contents of a shard folder, `index.json`. It is written last: a folder without it is not whole.
//
// The folder holds index.json, tokenizer.json and shard-00000.safetensors, shard-00001.safetensors, ... (see
// shard_file.hpp).
#pragma once

#include <stet/data/record.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stet {

/// Tallies of one shard, or of a set.
struct ShardCounts {
  std::uint64_t sequences = 0;
  std::uint64_t tokens = 0;
  std::uint64_t loss_tokens = 0;  ///< predicted with loss
  std::uint64_t loss_spans = 0;
  std::uint64_t longest = 0;                          ///< tokens of the longest sequence
  std::array<std::uint64_t, record_kinds> records{};  ///< read, by RecordKind
  std::uint64_t cut = 0;                              ///< texts that were cut into several sequences
  std::uint64_t dropped = 0;  ///< completions and conversations left out because they are longer than the context

  ShardCounts& operator+=(const ShardCounts& other);
  friend bool operator==(const ShardCounts&, const ShardCounts&) = default;
};

struct ShardEntry {
  std::string file;  ///< a name in the folder
  std::uint64_t bytes = 0;
  std::string checksum;  ///< of the shard's contents (see shard_file.hpp)
  ShardCounts counts;
  friend bool operator==(const ShardEntry&, const ShardEntry&) = default;
};

struct ShardIndex {
  static constexpr std::uint64_t format_version = 1;

  std::string tokenizer;         ///< Tokenizer::hash()
  std::uint64_t vocabulary = 0;  ///< all token ids are below
  std::uint64_t context = 0;     ///< no sequence is longer
  std::vector<ShardEntry> shards;

  [[nodiscard]] ShardCounts totals() const;
  /// What the set is: a hash of format, tokenizer, context and the shards' checksums, wherever the set lies.
  [[nodiscard]] std::string checksum() const;

  /// Throws Error (data) naming the file and what is wrong in it: absent, another format or version, a field that is
  /// missing or of another type, file names that leave the folder, totals or a checksum that contradict the list.
  [[nodiscard]] static ShardIndex read(const std::filesystem::path& folder);
  /// Atomically. A function of this object alone.
  void write(const std::filesystem::path& folder) const;
};

/// "shard-00007.safetensors".
[[nodiscard]] std::string shard_name(std::uint64_t number);

}  // namespace stet
