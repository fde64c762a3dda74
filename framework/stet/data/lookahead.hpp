// Tells the disk what a reader will ask for.
//
// A cold page that is met by touching it is one request at a time: the reader sleeps for each. An order that is known
// ahead can be asked for ahead, many requests at once, while the reader copies what has come. This class only asks;
// what was asked for lies in the system's page cache, and is no memory of this process until it is read.
#pragma once

#include <stet/data/shard_set.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace stet {

class Lookahead {
 public:
  using Walk =
      std::function<std::optional<std::uint64_t>()>;  ///< the index of the next sequence, in the order of reading
  using Fetch = std::function<void(std::span<const std::uint64_t> ascending, Need need)>;  ///< as ShardSet::fetch()

  /// Sequences are asked for in chunks of `chunk`: their contents at least `contents_ahead` chunks before they are
  /// read, their tables `tables_ahead` chunks before that.
  Lookahead(Walk walk, Fetch fetch, std::size_t chunk)
      : walk_(std::move(walk)), fetch_(std::move(fetch)), chunk_(chunk) {}

  /// Sequences a chunk, for readers that share the order: about a megabyte for each.
  [[nodiscard]] static std::size_t chunk_for(std::uint64_t mean_bytes, std::uint64_t readers);

  /// To be called before each sequence is read.
  void before_one();

  static constexpr std::size_t contents_ahead = 8, tables_ahead = 4;

 private:
  void ask();

  Walk walk_;
  Fetch fetch_;
  std::size_t chunk_;
  std::deque<std::vector<std::uint64_t>> located_;  // chunks whose tables were asked for, and contents not yet
  std::uint64_t read_ = 0, asked_ = 0;              // sequences
  bool walked_ = false;                             // to the end
};

}  // namespace stet
