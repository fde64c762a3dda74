#include <stet/text/added_tokens.hpp>

#include <stet/base/utf8.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace stet {
namespace {

/// The code point that ends at `text`'s end, which must be valid UTF-8 and not empty.
CodePoint last_code_point(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && !begins_code_point(text[begin])) --begin;
  return decode_code_point(text.substr(begin));
}

}  // namespace

bool is_word_character(char32_t value) {
  if (value == 0x200C || value == 0x200D) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC: return true;
    default: break;
  }
  // Other_Alphabetic beyond marks: circled and squared Latin letters.
  return (value >= 0x24B6 && value <= 0x24E9) || (value >= 0x1F130 && value <= 0x1F149) ||
         (value >= 0x1F150 && value <= 0x1F169) || (value >= 0x1F170 && value <= 0x1F189);
}

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedPattern> patterns) : patterns_(std::move(patterns)), at_{-1} {
  for (std::size_t p = 0; p < patterns_.size(); ++p) {
    const std::string& content = patterns_[p].content;
    STET_ASSERT(!content.empty());
    first_byte_[static_cast<unsigned char>(content[0])] = true;
    std::uint64_t node = 0;
    for (const char c : content) {
      const std::uint64_t key = node << 8 | static_cast<unsigned char>(c);
      if (const std::uint64_t* next = trie_.find(key)) {
        node = *next;
      } else {
        node = at_.size();
        trie_.insert(key, node);
        at_.push_back(-1);
      }
    }
    if (at_[node] < 0) at_[node] = static_cast<std::int32_t>(p);
  }
  if (std::count(first_byte_.begin(), first_byte_.end(), true) == 1) {
    only_first_byte_ = static_cast<int>(std::find(first_byte_.begin(), first_byte_.end(), true) - first_byte_.begin());
  }
}

const AddedPattern* AddedTokenMatcher::longest_at(std::string_view text) const {
  const AddedPattern* best = nullptr;
  std::uint64_t node = 0;
  for (const char c : text) {
    const std::uint64_t* next = trie_.find(node << 8 | static_cast<unsigned char>(c));
    if (next == nullptr) break;
    node = *next;
    if (at_[node] >= 0) best = &patterns_[static_cast<std::size_t>(at_[node])];
  }
  return best;
}

void AddedTokenMatcher::split(std::string_view text, std::size_t begin, std::size_t end,
                              std::vector<TextPart>& parts) const {
  if (begin == end) return;
  std::size_t done = begin;                // everything before it is in `parts`
  std::size_t run_begin = 0, run_end = 0;  // white space already walked over by rstrip
  if (!patterns_.empty()) {
    const std::string_view piece = text.substr(0, end);
    for (std::size_t at = begin; at < end;) {
      if (only_first_byte_ >= 0) {
        const void* next = std::memchr(text.data() + at, only_first_byte_, end - at);
        if (next == nullptr) break;
        at = static_cast<std::size_t>(static_cast<const char*>(next) - text.data());
      }
      const AddedPattern* found =
          first_byte_[static_cast<unsigned char>(text[at])] ? longest_at(piece.substr(at)) : nullptr;
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::size_t from = at, to = at + found->content.size();
      at = to;
      if (found->single_word) {
        const bool word_before = from > begin && is_word_character(last_code_point(text.substr(0, from)).value);
        const bool word_after = to < end && is_word_character(decode_code_point(piece.substr(to)).value);
        if (word_before || word_after) continue;
      }
      if (found->lstrip) {
        while (from > done) {
          const CodePoint before = last_code_point(text.substr(0, from));
          if (!is_white_space(before.value)) break;
          from -= before.size;
        }
        from = std::max(from, done);
      }
      if (found->rstrip) {
        const std::size_t strip_begin = to;
        if (to >= run_begin && to < run_end) to = run_end;
        while (to < end) {
          const CodePoint after = decode_code_point(piece.substr(to));
          if (!is_white_space(after.value)) break;
          to += after.size;
        }
        run_begin = strip_begin, run_end = to;
      }
      if (done < from) parts.push_back({done, from, std::nullopt});
      parts.push_back({from, to, found->id});
      done = to;
    }
  }
  if (done < end) parts.push_back({done, end, std::nullopt});
}

}  // namespace stet
