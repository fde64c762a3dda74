// Cutting text into the words on which the merges work: any number of Split steps, then ByteLevel.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/unicode/pattern.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet {

/// What becomes of the matches of a split: dropped, pieces of their own, joined with the piece before or after them, or
/// pieces of their own with adjacent matches joined.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct SplitStep {
  Pattern pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;  ///< the text between the matches counts as the matches
};

/// SentencePiece's way with blanks: each becomes `replacement`, and a text may get one before it.
struct Metaspace {
  enum class Prepend { never, first, always };  ///< first: where the whole text begins
  std::string replacement;
  Prepend prepend = Prepend::always;
  bool split = true;  ///< words begin at replacements
};

/// Immutable; a Cutter a thread does the work.
struct PreTokenizer {
  std::vector<SplitStep> splits;
  bool prefix_space = false;     ///< ByteLevel's add_prefix_space: a piece gets a leading space if it has none
  std::optional<Pattern> words;  ///< ByteLevel's use_regex: GPT-2's words, cut last

  class Cutter;
};

/// The state for cutting: matchers and buffers, used again for one text after another. Refers to no PreTokenizer.
class PreTokenizer::Cutter {
 public:
  explicit Cutter(const PreTokenizer& rules);

  /// Calls word(std::string_view) for each word in order. `text` must be valid UTF-8. A word is valid only in its call.
  template <class Word>
  void cut(std::string_view text, Word&& word) {
    if (text.empty()) return;
    if (splits_.empty()) {
      finish(text, word);
    } else if (splits_.size() == 1 && splits_[0].behavior == SplitBehavior::isolated) {  // the usual case, in one go
      find_all(splits_[0].matcher, text, [&](std::size_t begin, std::size_t end, bool) {
        if (begin < end) finish(text.substr(begin, end - begin), word);
      });
    } else {
      for (const Span& span : split(text)) finish(text.substr(span.begin, span.end - span.begin), word);
    }
  }

 private:
  struct Span {
    std::size_t begin = 0, end = 0;
    bool match = false;
  };
  struct Step {
    Pattern::Matcher matcher;
    SplitBehavior behavior;
    bool invert;
  };

  /// What the splits leave of `text`; valid until the next call.
  [[nodiscard]] const std::vector<Span>& split(std::string_view text);
  /// Calls found(begin, end, is_match) for the matches and the text between them, in order. As in Rust's onig crate, an
  /// empty match right after another match does not count.
  template <class Found>
  static void find_all(Pattern::Matcher& matcher, std::string_view piece, Found&& found) {
    std::size_t done = 0, begin = 0, end = 0;
    bool after_match = false;
    for (std::size_t from = 0; from <= piece.size() && matcher.find(piece, from, begin, end);) {
      if (begin == end && after_match && end == done) {
        from += from < piece.size() ? decode_code_point(piece.substr(from)).size : 1;
        continue;
      }
      if (done != begin) found(done, begin, false);
      found(begin, end, true);
      done = from = end;
      after_match = true;
    }
    if (done != piece.size()) found(done, piece.size(), false);
  }
  static void arrange(SplitBehavior behavior, const std::vector<Span>& found, std::vector<Span>& out);

  template <class Word>
  void finish(std::string_view piece, Word&& word) {
    if (prefix_space_ && piece[0] != ' ') {
      prefixed_.assign(1, ' ');
      prefixed_ += piece;
      piece = prefixed_;
    }
    if (!words_) {
      word(piece);
      return;
    }
    for (std::size_t from = 0; from < piece.size();) {
      std::size_t begin = from, end = piece.size();
      const bool matched = words_->find(piece, from, begin, end) && begin == from && end > begin;
      STET_ASSERT(matched);  // every character is in one of its classes
      word(piece.substr(begin, end - begin));
      from = end;
    }
  }

  std::vector<Step> splits_;
  bool prefix_space_;
  std::optional<Pattern::Matcher> words_;
  std::vector<Span> pieces_, next_, found_;
  std::string prefixed_;
};

}  // namespace stet
