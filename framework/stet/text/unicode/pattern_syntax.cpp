#include <stet/text/unicode/pattern_syntax.hpp>

#include <stet/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace stet {
namespace {

struct Problem {
  std::string text;
};

// The insides of sets.
constexpr const char* spaces =
    R"(\t-\r\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr const char* not_spaces =
    R"(\x{0}-\x{8}\x{E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
constexpr const char* word_characters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

constexpr std::array categories = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N", "Nd",
                                   "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm",
                                   "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "Cc", "Cf", "Co"};
constexpr std::array scripts = {"Han",      "Hiragana", "Katakana", "Hangul", "Latin",      "Greek",
                                "Cyrillic", "Arabic",   "Hebrew",   "Thai",   "Devanagari", "Bengali"};

/// One element of a set or of the pattern: a character, or a class given as the inside of a set.
struct Atom {
  char32_t character = 0;
  std::string set;          ///< empty: `character`
  bool complement = false;  ///< everything but `set` (only \W)
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) element();
    if (folding_.size() > 1) refuse("a group that is not closed");
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw Problem{fmt::format("{} (at byte {})", what, at_)}; }

  [[nodiscard]] bool next_is(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  bool take(std::string_view text) {
    if (!next_is(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t character() {
    if (at_ >= pattern_.size()) refuse("an unfinished construct");
    const CodePoint point = decode_code_point(pattern_.substr(at_));
    at_ += point.size;
    return point.value;
  }
  [[nodiscard]] bool folds() const { return folding_.back(); }

  void element() {
    const char c = pattern_[at_];
    const bool was_quantifier = std::exchange(after_quantifier_, false);
    if (c == '*' || c == '+' || c == '?' || c == '{') {
      if (quantifier(was_quantifier)) return;
    }
    if (c == '(') return open_group();
    if (c == ')') {
      if (folding_.size() == 1) refuse("a ')' without '('");
      ++at_;
      folding_.pop_back();
      out_ += ')';
    } else if (c == '|' || c == '.') {
      ++at_;
      out_ += c;
    } else if (c == '^' || c == '$') {
      refuse("an anchor ('^' or '$')");
    } else if (c == '[') {
      set();
    } else {
      const Atom atom = c == '\\' ? escape() : Atom{character(), {}, false};
      if (atom.set.empty()) return literal(atom.character);
      out_ += (atom.complement ? "[^" : "[") + atom.set + "]";
    }
    last_literal_ = 0;
  }

  void literal(char32_t value) {
    if (folds()) {
      if (value >= 0x80) refuse("a character outside ASCII where case is ignored");
      const char small = static_cast<char>(value >= 'A' && value <= 'Z' ? value + 32 : value);
      const std::string both{last_literal_, small};
      if (both == "ss" || both == "ff" || both == "fi" || both == "fl" || both == "st") {
        refuse(fmt::format("\"{}\" where case is ignored", both));
      }
      last_literal_ = small;
    }
    out_ += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(value));
  }

  void open_group() {
    ++at_;
    bool fold = folds();
    if (!next_is("?")) {
      out_ += "(?:";  // nothing can refer to what it captures
    } else if (take("?i:")) {
      fold = true;
      out_ += "(?i:";
    } else {
      constexpr std::array<std::string_view, 6> groups = {"?:", "?=", "?!", "?<=", "?<!", "?>"};
      const auto* found = std::find_if(groups.begin(), groups.end(), [&](std::string_view g) { return next_is(g); });
      if (found == groups.end()) refuse("a group that is none of (?: (?i: (?= (?! (?<= (?<! (?>");
      at_ += found->size();
      out_ += "(" + std::string(*found);
    }
    folding_.push_back(fold);
    last_literal_ = 0;
  }

  /// False: a '{' that is a literal.
  bool quantifier(bool after_another) {
    const std::size_t begin = at_;
    const char c = pattern_[at_++];
    std::string text(1, c);
    bool exact = false;
    if (c == '{') {
      const std::optional<unsigned> low = number();
      const bool comma = take(",");
      const std::optional<unsigned> high = comma ? number() : low;
      if (!take("}") || (!low && !high)) {
        at_ = begin;
        return false;
      }
      if (high && low.value_or(0) > *high) refuse("a quantifier whose bounds are in the wrong order");
      exact = !comma;
      text = exact ? fmt::format("{{{}}}", *low)
                   : fmt::format("{{{},{}}}", low.value_or(0), high ? std::to_string(*high) : std::string());
    }
    if (after_another) refuse("a quantifier of a quantifier");
    if (next_is("+") && c == '{') refuse("a '+' after '{n,m}'");
    if (next_is("?") && exact) refuse("a '?' after '{n}'");
    if (next_is("?") || next_is("+")) text += pattern_[at_++];
    out_ += text;
    after_quantifier_ = true;
    last_literal_ = 0;
    return true;
  }

  std::optional<unsigned> number() {
    std::optional<unsigned> value;
    while (at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
      value = value.value_or(0) * 10 + static_cast<unsigned>(pattern_[at_++] - '0');
      if (*value > 1000) refuse("a quantifier above 1000");
    }
    return value;
  }

  char32_t hexadecimal(std::size_t least, std::size_t most) {
    char32_t value = 0;
    std::size_t digits = 0;
    for (; digits < most && at_ < pattern_.size(); ++digits, ++at_) {
      const char c = pattern_[at_];
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<char32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value = value * 16 + static_cast<char32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        value = value * 16 + static_cast<char32_t>(c - 'A' + 10);
      else
        break;
    }
    if (digits < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) refuse("a malformed code point");
    return value;
  }

  Atom escape() {
    ++at_;
    const char32_t c = character();
    switch (c) {
      case 'r': return {U'\r', {}, false};
      case 'n': return {U'\n', {}, false};
      case 't': return {U'\t', {}, false};
      case 'f': return {U'\f', {}, false};
      case 'v': return {U'\v', {}, false};
      case 's': return {0, spaces, false};
      case 'S': return {0, not_spaces, false};
      case 'd': return {0, "\\p{Nd}", false};
      case 'D': return {0, "\\P{Nd}", false};
      case 'w': return {0, word_characters, false};
      case 'W': return {0, word_characters, true};
      case 'u': return {hexadecimal(4, 4), {}, false};
      case 'x': {
        if (take("{")) {
          const char32_t value = hexadecimal(1, 6);
          if (!take("}")) refuse("a malformed code point");
          return {value, {}, false};
        }
        const char32_t value = hexadecimal(2, 2);
        if (value >= 0x80) refuse("\\xHH outside ASCII, which is a byte and no character");
        return {value, {}, false};
      }
      case 'p':
      case 'P': return property(c == 'P');
      default: break;
    }
    const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c >= 0x80 || letter_or_digit) {
      std::string name;
      append_utf8(name, c);
      refuse("the escape \\" + name);
    }
    return {c, {}, false};
  }

  Atom property(bool complement) {
    const std::size_t close = pattern_.find('}', at_);
    if (!next_is("{") || close == std::string_view::npos) refuse("a property without braces");
    const std::string name(pattern_.substr(at_ + 1, close - at_ - 1));
    const bool category = std::find(categories.begin(), categories.end(), name) != categories.end();
    if (!category && std::find(scripts.begin(), scripts.end(), name) == scripts.end()) {
      refuse("the property \"" + name + "\"");
    }
    if (folds() && category && name.size() == 2 && (name == "Lu" || name == "Ll" || name == "Lt")) {
      refuse("the property \"" + name + "\" where case is ignored");
    }
    at_ = close + 1;
    return {0, fmt::format("\\{}{{{}{}}}", complement ? 'P' : 'p', category ? "" : "sc:", name), false};
  }

  Atom set_atom() {
    if (next_is("[")) refuse("a set inside a set");
    if (next_is("&&")) refuse("an intersection of sets");
    Atom atom = next_is("\\") ? escape() : Atom{character(), {}, false};
    if (atom.complement) refuse("\\W inside a set");
    return atom;
  }

  void set() {
    if (folds()) refuse("a set where case is ignored");
    ++at_;
    std::string text = take("^") ? "[^" : "[";
    if (next_is("]")) refuse("an empty set");
    bool first = true;
    for (; !take("]"); first = false) {
      if (next_is("-") && !first && !next_is("-]"))
        refuse("a '-' that is neither between two characters nor at an end");
      const Atom low = set_atom();
      if (!low.set.empty()) {
        text += low.set;
        continue;
      }
      text += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(low.character));
      if (!next_is("-") || next_is("-]")) continue;
      ++at_;
      const Atom high = set_atom();
      if (!high.set.empty() || high.character < low.character) refuse("a malformed range of characters");
      text += fmt::format("-\\x{{{:X}}}", static_cast<std::uint32_t>(high.character));
    }
    out_ += text + "]";
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<bool> folding_ = {false};  // whether case is ignored, for every open group
  char last_literal_ = 0;                // the literal just before, where case is ignored
  bool after_quantifier_ = false;
};

}  // namespace

TranslatedPattern translate_pattern(std::string_view pattern) {
  if (pattern.empty()) return {{}, "an empty pattern"};
  if (find_invalid_utf8(pattern)) return {{}, "a pattern that is not valid UTF-8"};
  try {
    return {Translator(pattern).run(), {}};
  } catch (const Problem& problem) {
    return {{}, problem.text};
  }
}

}  // namespace stet
