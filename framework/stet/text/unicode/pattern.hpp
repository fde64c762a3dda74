// A compiled pattern and the search for its matches, on PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace stet {

/// Immutable; copies share the compiled code, which several threads may use at once, each with its own Matcher.
class Pattern {
 public:
  class Matcher;

  /// A regular expression as tokenizer.json has it (see pattern_syntax.hpp), or why it is not supported.
  [[nodiscard]] static std::variant<Pattern, std::string> regex(std::string_view pattern);
  /// The text itself. It must be valid UTF-8 and not empty.
  [[nodiscard]] static Pattern literal(std::string_view text);
  /// GPT-2's words: contractions, letters, digits and other signs, each with at most one leading space, and runs of
  /// white space. Its matches together are the whole text.
  [[nodiscard]] static Pattern gpt2_words();

 private:
  struct Code;
  explicit Pattern(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  static std::variant<Pattern, std::string> compile(std::string_view pcre, bool literal);

  std::shared_ptr<const Code> code_;
};

/// The state of one search; for one thread.
class Pattern::Matcher {
 public:
  explicit Matcher(const Pattern& pattern);

  /// The next match that begins at `from` or later: [begin, end). `text` must be valid UTF-8 and `from` the beginning
  /// of a character, or the end. Throws Error (data) if the pattern needs too much backtracking on this text.
  [[nodiscard]] bool find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end);

 private:
  struct Data;
  struct Free {
    void operator()(Data* data) const;
  };
  std::shared_ptr<const Code> code_;
  std::unique_ptr<Data, Free> data_;
};

}  // namespace stet
