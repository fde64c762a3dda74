// Inside of Tokenizer: what a tokenizer consists of, and the indices made from it. Not for other rooms.
#pragma once

#include <stet/text/added_tokens.hpp>
#include <stet/text/bpe/bpe.hpp>
#include <stet/text/bpe/string_map.hpp>
#include <stet/text/pre_tokenizer.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/unicode/byte_level.hpp>
#include <stet/text/unicode/normalizer.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

struct AddedToken {
  TokenId id = 0;
  bool special = true;                                       ///< left out by decode(skip_special)
  bool in_vocabulary = false;                                ///< the model's vocabulary lists it too
  bool single_word = false, lstrip = false, rstrip = false;  ///< see AddedPattern
  bool normalized = false;                                   ///< looked for in the normalized text
};

/// What is in the file.
struct TokenizerParts {
  bool word_level = false;
  bool on_characters = false;  ///< BPE on characters, with tokens <0x00> to <0xFF> for those without one; else on bytes
  std::vector<std::string> tokens;  ///< by id, added tokens included; empty: no token has this id
  std::vector<std::pair<std::string, std::string>> merges;  ///< first is applied first
  std::vector<AddedToken> added;
  bool ignore_merges = false;
  std::optional<std::string> unknown;   ///< byte level: what a byte without a token gives
  bool fuse_unknown = false;            ///< one for a run of such bytes
  std::vector<NormalStep> normalizers;  ///< applied in order
  PreTokenizer pre_tokenizer;           ///< byte level
  std::optional<Metaspace> metaspace;   ///< on characters
  std::string blank;                    ///< on characters: what decode() writes as a space
  bool strip_first_blank = false;       ///< on characters: decode() leaves out a space at the very beginning
  std::vector<TokenId> before, after;   ///< what the post-processor puts around a text
  /// The file without `added_tokens`, `model.vocab` and `model.merges`; null for a tokenizer that was made here.
  nlohmann::json rest;
};

/// The byte of a token <0xNN>; nothing for any other.
[[nodiscard]] std::optional<unsigned char> byte_of_token(std::string_view token);

struct TokenizerTables {
  TokenizerParts parts;
  StringMap<TokenId> ids;
  std::vector<std::string> bytes;      ///< BPE: by id, what decode() writes
  std::vector<bool> special;           ///< by id
  std::string where;                   ///< for messages
  std::optional<TokenId> end_of_text;  ///< the special token that has one of the usual names
  TokenId unknown = 0;
  std::size_t bytes_without_token = 0;  ///< byte level, of 256
  std::optional<Bpe> bpe;
  AddedTokenMatcher raw{{}};         ///< looked for in the text as it is given
  AddedTokenMatcher normalized{{}};  ///< looked for in the normalized text
};

class TokenizerBuilder {
 public:
  /// Checks the parts and makes the indices. Throws Error (data) at `where`.
  [[nodiscard]] static Tokenizer build(TokenizerParts parts, const std::string& where);
  [[nodiscard]] static const TokenizerTables& tables(const Tokenizer& tokenizer) { return *tokenizer.tables_; }
};

}  // namespace stet
