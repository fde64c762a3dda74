// The merges of byte-level byte-pair encoding (Sennrich et al. 2016; on bytes, Radford et al. 2019). Works on the bytes
// of one word; it knows nothing of splitting, special tokens or files.
#pragma once

#include <stet/text/bpe/pair_table.hpp>
#include <stet/text/bpe/string_map.hpp>
#include <stet/text/tokenizer.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stet {

struct Merge {
  TokenId left = 0, right = 0, result = 0;
};

inline constexpr TokenId no_token = -1;

/// What a byte without a token gives.
struct UnknownByte {
  TokenId id = no_token;  ///< no_token: nothing
  bool fuse = false;      ///< one for each run of such bytes, instead of one a byte
};

class Bpe {
 public:
  /// `byte_ids[b]`: the token of byte b, or no_token: such a byte gives `unknown.id`, or, where that is no_token too,
  /// nothing; what stands on either side of it is then adjacent. `merges`: first is applied first; no pair may occur
  /// twice (an assertion). `token_bytes[id]`: the bytes of each token; a word that is one token is then found by one
  /// look-up. Empty for a token that is not made of bytes. `ignore_merges`: a word that is a token is that token, even
  /// where the merges would give something else.
  Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges, std::span<const std::string> token_bytes,
      bool ignore_merges = false, UnknownByte unknown = {});

  /// Buffers that can be used for one word after another.
  struct Scratch {
    std::vector<TokenId> ids;
    std::vector<std::int32_t> next, previous;
    std::vector<std::uint64_t> heap;
  };

  /// Appends the tokens of one word: starting from its bytes, the adjacent pair of lowest rank, leftmost first, is
  /// merged until no adjacent pair has a merge. O(n log n) in the length of the word. Allocates nothing once the
  /// buffers have grown.
  void encode_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const;

  /// The same by the merges alone, without the look-up of whole words and without `ignore_merges`.
  void merge_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const;

 private:
  struct Rule {
    std::uint32_t rank = no_rank;
    TokenId result = 0;
  };
  static constexpr std::uint32_t no_rank = ~std::uint32_t{0};
  [[nodiscard]] Rule rule(TokenId left, TokenId right) const;
  /// The tokens of the single bytes; at most bytes.size().
  std::size_t start(std::string_view bytes, TokenId* ids) const;
  void merge_short(std::string_view bytes, std::vector<TokenId>& out) const;
  void merge_long(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const;

  std::array<TokenId, 256> byte_ids_;
  UnknownByte unknown_;
  PairTable rules_;                 // left << 32 | right, to rank << 32 | result
  StringMap<TokenId> whole_words_;  // words that are one token
};

}  // namespace stet
