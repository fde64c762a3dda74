// Inside of Tokenizer: what a tokenizer consists of, and the indices made from it. Not for other rooms.
#pragma once

#include <stet/text/bpe.hpp>
#include <stet/text/byte_level.hpp>
#include <stet/text/string_map.hpp>
#include <stet/text/tokenizer.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

struct AddedToken {
  TokenId id = 0;
  bool special = true;         ///< left out by decode(skip_special)
  bool in_vocabulary = false;  ///< the model's vocabulary lists it too
};

/// What is in the file.
struct TokenizerParts {
  bool word_level = false;
  std::vector<std::string> tokens;                          ///< by id, added tokens included
  std::vector<std::pair<std::string, std::string>> merges;  ///< first is applied first
  std::vector<AddedToken> added;
};

struct TokenizerTables {
  TokenizerParts parts;
  StringMap<TokenId> ids;
  std::vector<std::string> bytes;  ///< byte level: by id, what decode() writes
  std::vector<bool> special;       ///< by id
  TokenId end_of_text = 0, unknown = 0;
  std::optional<Bpe> bpe;
  WordSplitter splitter;
};

class TokenizerBuilder {
 public:
  /// Checks the parts and makes the indices. Throws Error (data) at `where`.
  [[nodiscard]] static Tokenizer build(TokenizerParts parts, const std::string& where);
};

}  // namespace stet
