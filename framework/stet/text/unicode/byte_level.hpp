// What byte-level BPE does around the merges: GPT-2's printable stand-ins for bytes, and its way to cut text into
// words.
#pragma once

#include <stet/text/unicode/pattern.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace stet {

/// The character (UTF-8) that stands for a byte in vocabulary files. Printable ASCII and Latin-1 stand for themselves;
/// the other 68 bytes, in order, for U+0100, U+0101, ...
[[nodiscard]] const std::string& byte_character(unsigned char byte);

/// Bytes in the order of their characters' code points: GPT-2's ids 0..255.
[[nodiscard]] unsigned char byte_in_order(std::size_t index);

[[nodiscard]] std::string bytes_to_characters(std::string_view bytes);

/// Nothing if a character of `text` stands for no byte.
[[nodiscard]] std::optional<std::string> characters_to_bytes(std::string_view text);

/// Cuts text into GPT-2's words: contractions, letters, digits and other signs, each with at most one leading space,
/// and runs of white space. The words together are the text. Compiled once; split() may be called from several threads.
class WordSplitter {
 public:
  WordSplitter();

  /// Calls `word` for each word in order. `text` must be valid UTF-8.
  void split(std::string_view text, const std::function<void(std::string_view)>& word) const;

 private:
  Pattern pattern_;
};

}  // namespace stet
