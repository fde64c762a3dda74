// The tokens of words met before. Part of an Encoder, so it belongs to one thread.
#pragma once

#include <stet/text/tokenizer.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// Bounded: holds at most `words` words of at most `longest` bytes, and forgets all of them when another one would be
/// too many. (Words of text recur so soon that the cache is full of the frequent ones again at once; keeping an order of
/// use would cost every look-up.) Takes 48 to 96 bytes of table a word, and the bytes and tokens of the words held.
class WordCache {
 public:
  static constexpr std::size_t longest = 48;

  /// 0: holds nothing.
  explicit WordCache(std::size_t words);

  [[nodiscard]] static std::uint64_t hash(std::string_view word);

  /// The tokens of the word; empty if it is not held. Valid until the next put(). `hash` must be hash(word).
  [[nodiscard]] std::span<const TokenId> find(std::string_view word, std::uint64_t hash) const;
  void put(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool enabled() const { return capacity_ > 0; }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t text = 0, ids = 0;      // where they begin
    std::uint16_t text_size = 0, ids_size = 0;  // no text: a free slot
  };
  std::size_t capacity_, size_ = 0;
  std::vector<Slot> slots_;
  std::string texts_;
  std::vector<TokenId> ids_;
};

}  // namespace stet
