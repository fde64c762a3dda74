// The regular expressions in a tokenizer.json are Oniguruma's (Ruby's syntax); stet matches with PCRE2. This translates
// the constructs that both have into PCRE2's with Oniguruma's meaning, and refuses every other one. Oniguruma itself
// has no JIT: it split questions, one long text, and many scripts (4 to 7 MB each) at 24 to 37 MB/s a core, PCRE2 at
// 112 to 209, into the same words, with the patterns of GPT-2, Llama 3 and Qwen2. Encoding is 45 MB/s as a whole.
#pragma once

#include <string>
#include <string_view>

namespace stet {

struct TranslatedPattern {
  std::string pcre;     ///< for PCRE2 with UTF and UCP; empty if there is a problem
  std::string problem;  ///< what is not supported, and where in the pattern; empty if nothing
};

/// Supported: literals, '.', alternation, groups (?:..) (..) (?>..) (?i:..), look-around, the quantifiers * + ? {n}
/// {n,} {n,m} {,m} with '?', and '+' after the first three, sets [..] of characters, ranges and classes, \s \d \w and
/// their complements, \p{..} of a general category or of a script, \r \n \t \f \v \xHH \x{H..} \uHHHH. White space is
/// Unicode's White_Space: PCRE2's own \s also has U+180E, which lost that property in Unicode 6.3. Refused, among
/// others: anchors, back-references, nested sets and intersections, POSIX classes, and inside (?i:..) everything whose
/// case folding could differ (sets, cased categories, characters outside ASCII, "ss", "ff", "fi", "fl" and "st", which
/// Oniguruma also matches with one character).
[[nodiscard]] TranslatedPattern translate_pattern(std::string_view pattern);

}  // namespace stet
