// The tokens of words met before. Part of an Encoder, so it belongs to one thread.
#pragma once

#include <stet/text/tokenizer.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stet {

/// Bounded and of fixed size: 64 bytes, a line of the processor's cache, for a word with its tokens, so that a look-up
/// waits for memory once. Two words can share a place; a third one pushes out the older of them. Words of more than
/// `longest` bytes or `most_ids` tokens are not held.
class WordCache {
 public:
  static constexpr std::size_t longest = 22, most_ids = 8;

  /// Room for `words` words, rounded up to a power of two; 0: holds nothing.
  explicit WordCache(std::size_t words);

  [[nodiscard]] static std::uint64_t hash(std::string_view word);

  /// The tokens of the word; empty if it is not held. Valid until the next put(). `hash` must be hash(word).
  [[nodiscard]] std::span<const TokenId> find(std::string_view word, std::uint64_t hash) const;
  /// `word` must not be held already. A word that is too long, or has too many tokens, is left out.
  void put(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids);

  [[nodiscard]] bool enabled() const { return !lines_.empty(); }

 private:
  struct alignas(64) Line {
    std::uint64_t hash = 0;
    std::uint8_t text_size = 0, ids_size = 0;  // no text: a free line
    std::array<char, longest> text{};
    std::array<TokenId, most_ids> ids{};
  };
  static_assert(sizeof(Line) == 64);

  [[nodiscard]] std::size_t place(std::uint64_t hash) const { return hash & mask_; }  // of the newer of two words

  std::vector<Line> lines_;
  std::size_t mask_ = 0;
};

}  // namespace stet
