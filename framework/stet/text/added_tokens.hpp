// Finding added tokens in text, as the Rust original does (tokenizers/src/tokenizer/added_vocabulary.rs).
#pragma once

#include <stet/text/bpe/pair_table.hpp>
#include <stet/text/tokenizer.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// What the matcher has to know of an added token.
struct AddedPattern {
  std::string content;  ///< what is looked for; not empty
  TokenId id = 0;
  bool single_word = false;  ///< only where no word character stands next to it
  bool lstrip = false;       ///< takes the white space before it too
  bool rstrip = false;       ///< takes the white space after it too
};

/// A part of a text: an added token, or text between them (`id` is empty).
struct TextPart {
  std::size_t begin = 0, end = 0;
  std::optional<TokenId> id;
};

/// Leftmost matches first, of those the longest; of equal contents the first. Immutable.
class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(std::vector<AddedPattern> patterns);

  /// Appends the parts of `text[begin, end)` in order; parts of text are never empty. A match that `single_word` rules
  /// out is skipped whole, with any shorter token inside it.
  void split(std::string_view text, std::size_t begin, std::size_t end, std::vector<TextPart>& parts) const;

  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  /// The longest pattern that `text` begins with, or null.
  [[nodiscard]] const AddedPattern* longest_at(std::string_view text) const;

  std::vector<AddedPattern> patterns_;
  std::array<bool, 256> first_byte_{};
  int only_first_byte_ = -1;      // if all patterns begin with the same byte (mostly '<')
  PairTable trie_;                // node << 8 | byte, to node; node 0 is the root
  std::vector<std::int32_t> at_;  // by node: the pattern that ends there, or -1
};

/// Whether Rust's regex crate counts the code point among \w: Alphabetic, marks, decimal digits, connector punctuation
/// and the two joiners.
[[nodiscard]] bool is_word_character(char32_t value);

}  // namespace stet
