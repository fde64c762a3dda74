// The merges of byte-pair encoding (Sennrich et al. 2016), on bytes (Radford et al. 2019), or on characters with bytes
// for those that have no token (SentencePiece's byte fallback). Works on one word; it knows nothing of splitting,
// special tokens or files.
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

struct OnCharacters {};  ///< which of the two constructors

class Bpe {
 public:
  /// `byte_ids[b]`: the token of byte b, or no_token: such a byte gives `unknown.id`, or, where that is no_token too,
  /// nothing; what stands on either side of it is then adjacent. `merges`: first is applied first; no pair may occur
  /// twice (an assertion). `token_bytes[id]`: the bytes of each token; a word that is one token is then found by one
  /// look-up. Empty for a token that is not made of bytes. `ignore_merges`: a word that is a token is that token, even
  /// where the merges would give something else.
  Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges, std::span<const std::string> token_bytes,
      bool ignore_merges = false, UnknownByte unknown = {});

  /// On characters: `token_text[id]` of one character is its token; a character without one gives the tokens
  /// `byte_ids` of its bytes, which must all be there. Words must be valid UTF-8.
  Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges, std::span<const std::string> token_text,
      bool ignore_merges, OnCharacters);

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
  void add_merges(std::span<const Merge> merges);
  void add_words(std::span<const std::string> token_bytes, bool ignore_merges);
  /// The tokens of the single bytes, or characters; at most bytes.size().
  std::size_t start(std::string_view bytes, TokenId* ids) const;
  void merge_short(std::string_view bytes, std::vector<TokenId>& out) const;
  void merge_long(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const;

  std::array<TokenId, 256> byte_ids_;
  UnknownByte unknown_;
  bool on_characters_ = false;
  StringMap<TokenId> characters_;   // those that have a token
  PairTable rules_;                 // left << 32 | right, to rank << 32 | result
  StringMap<TokenId> whole_words_;  // words that are one token
};

}  // namespace stet
