// Comparing a tokenizer with what another implementation computed.
#pragma once

#include <stet/text/tokenizer.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

/// One value that is not as expected: `what` is "ids", "ids_without_special" or "decoded".
struct TokenizerDifference {
  std::size_t item = 0;  ///< index in expected.json
  std::string what, text, ours, expected;
};

struct TokenizerVerification {
  std::size_t texts = 0, agreeing = 0;
  std::vector<TokenizerDifference> differences;  ///< in the order of the file
  [[nodiscard]] bool passed() const { return agreeing == texts; }
};

/// `folder` holds tokenizer.json and expected.json, a list of {text, ids} with, where given, `ids_without_special` and
/// `decoded` (the text of the ids without special tokens). `ids` are those with the post-processor's special tokens.
/// Throws Error (data) for a file that is missing, malformed or holds no text.
[[nodiscard]] TokenizerVerification verify_tokenizer(const std::filesystem::path& folder);

}  // namespace stet
