// One token shard: a safetensors file of S sequences with N tokens together and L loss spans.
//
//   sequence_offsets  U64 [S + 1]   sequence s is tokens sequence_offsets[s] .. sequence_offsets[s + 1]
//   span_offsets      U64 [S + 1]   its loss spans are rows span_offsets[s] .. span_offsets[s + 1] of loss_spans
//   loss_spans        U32 [L, 2]    positions [begin, end) within the sequence; ascending, disjoint, 1 <= begin < end
//   tokens            U16 [N]       or I32 if the vocabulary has more than 65536 ids
//
// and as metadata: format ("stet-shard 1"), tokenizer (hash), vocabulary, context, counts, source (a hash of what the
// shard was made from) and checksum (of all this and the tensors).
#pragma once

#include <stet/base/error.hpp>
#include <stet/data/batch.hpp>
#include <stet/data/shard_index.hpp>
#include <stet/tensorfile/tensor_file.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// What a shard is made for and from; the same numbers give the same bytes.
struct ShardOrigin {
  std::string tokenizer;  ///< Tokenizer::hash()
  std::uint64_t vocabulary = 0, context = 0;
  std::string source;  ///< hash of the input; may be empty for shards made otherwise

  friend bool operator==(const ShardOrigin&, const ShardOrigin&) = default;
};

/// A shard in memory, while it grows.
class ShardContent {
 public:
  /// Ids must be below the vocabulary and the sequence must have a token with loss.
  void add(const TokenSequence& sequence);
  /// The tallies; records, cut and dropped are the caller's to count.
  [[nodiscard]] ShardCounts& counts() noexcept { return counts_; }
  [[nodiscard]] const ShardCounts& counts() const noexcept { return counts_; }
  /// Writes `folder`/shard_name(number) atomically. Throws Error (data) if the disk fails.
  ShardEntry write(const std::filesystem::path& folder, std::uint64_t number, const ShardOrigin& origin) const;

 private:
  std::vector<std::uint64_t> sequence_offsets_{0}, span_offsets_{0};
  std::vector<std::uint32_t> loss_spans_;
  std::vector<TokenId> tokens_;
  ShardCounts counts_;
};

/// A mapped shard whose header is checked: the tensors are there with the types and shapes that the counts demand.
/// What the tensors hold is checked when it is read: offsets and ids that contradict each other are an Error (data).
class ShardFile {
 public:
  /// Throws Error (data) naming the file and what is wrong.
  [[nodiscard]] static ShardFile open(const std::filesystem::path& path);

  [[nodiscard]] const ShardOrigin& origin() const noexcept { return origin_; }
  [[nodiscard]] const ShardCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::string& checksum() const noexcept { return checksum_; }  ///< as the file claims
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  /// Sequence `s` < counts().sequences; its example is 0.
  [[nodiscard]] TokenSequence sequence(std::uint64_t s) const;
  /// Tokens of it, and those with loss, without reading the tokens.
  struct Size {
    std::uint64_t tokens, loss_tokens;
  };
  [[nodiscard]] Size size_of(std::uint64_t s) const;
  /// Reads everything. Throws Error (data) unless the contents have the checksum that the file claims.
  void verify() const;

  /// Where the data is mapped; it is no longer than bytes().
  [[nodiscard]] const std::byte* address() const noexcept {
    return reinterpret_cast<const std::byte*>(sequence_offsets_.data());
  }
  /// Parts of the mapped file that sequence(s) reads, and size_of(s) alone.
  [[nodiscard]] std::vector<std::span<const std::byte>> parts_of(std::uint64_t s, bool with_tokens) const;
  /// The offsets of sequences [first, first + count), which say where the rest of them is: two parts of the mapped
  /// file.
  [[nodiscard]] std::array<std::span<const std::byte>, 2> tables_of(std::uint64_t first, std::uint64_t count) const;
  /// Asks the system to read those offsets, or what they point to, from the disk, without waiting for it. The latter
  /// reads two of the offsets. A hint: nothing is thrown, whatever they hold.
  void fetch_tables(std::uint64_t first, std::uint64_t count) const noexcept;
  void fetch_contents(std::uint64_t first, std::uint64_t count) const noexcept;
  /// Gives mapped pages back to the system; what is read again is mapped again.
  void release() const;

 private:
  explicit ShardFile(TensorFile file);
  struct Place {
    std::uint64_t begin, end, span_begin, span_end;
  };
  [[nodiscard]] Place place_of(std::uint64_t s) const;
  [[nodiscard]] Error broken(std::uint64_t s, const std::string& what) const;
  [[nodiscard]] std::string compute_checksum() const;

  TensorFile file_;
  ShardOrigin origin_;
  ShardCounts counts_;
  std::string checksum_;
  std::uint64_t bytes_ = 0;
  std::span<const std::uint64_t> sequence_offsets_, span_offsets_;
  std::span<const std::uint32_t> loss_spans_;
  std::span<const std::uint16_t> short_tokens_;  // one of the two, by the vocabulary
  std::span<const std::int32_t> long_tokens_;
};

}  // namespace stet
