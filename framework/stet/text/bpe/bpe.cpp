#include <stet/text/bpe/bpe.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>

#include <algorithm>
#include <functional>
#include <limits>

namespace stet {
namespace {

constexpr std::size_t longest_short_word = 24;  // bytes

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}
}  // namespace

Bpe::Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges,
         std::span<const std::string> token_bytes, bool ignore_merges, UnknownByte unknown)
    : byte_ids_(byte_ids), unknown_(unknown), rules_(merges.size()) {
  add_merges(merges);
  add_words(token_bytes, ignore_merges);
}

Bpe::Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges,
         std::span<const std::string> token_text, bool ignore_merges, OnCharacters)
    : byte_ids_(byte_ids), on_characters_(true), rules_(merges.size()) {
  for (const TokenId id : byte_ids) STET_ASSERT(id != no_token);
  for (std::size_t id = 0; id < token_text.size(); ++id) {
    const std::string& text = token_text[id];
    if (!text.empty() && decode_code_point(text).size == text.size())
      characters_.emplace(text, static_cast<TokenId>(id));
  }
  add_merges(merges);
  add_words(token_text, ignore_merges);
}

void Bpe::add_merges(std::span<const Merge> merges) {
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const bool added = rules_.insert(pair_key(merges[i].left, merges[i].right),
                                     std::uint64_t{i} << 32 | static_cast<std::uint32_t>(merges[i].result));
    STET_ASSERT(added);
  }
}

void Bpe::add_words(std::span<const std::string> token_bytes, bool ignore_merges) {
  Scratch scratch;
  std::vector<TokenId> ids;
  for (std::size_t id = 0; id < token_bytes.size(); ++id) {
    const std::string& bytes = token_bytes[id];
    if (bytes.empty()) continue;
    if (ignore_merges) {
      whole_words_.emplace(bytes, static_cast<TokenId>(id));
      continue;
    }
    ids.clear();
    merge_word(bytes, ids, scratch);
    if (ids.size() == 1) whole_words_.emplace(bytes, ids[0]);
  }
}

Bpe::Rule Bpe::rule(TokenId left, TokenId right) const {
  const std::uint64_t* found = rules_.find(pair_key(left, right));
  if (found == nullptr) return {};
  return {static_cast<std::uint32_t>(*found >> 32), static_cast<TokenId>(*found & 0xFFFFFFFFU)};
}

void Bpe::encode_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const {
  if (const auto whole = whole_words_.find(bytes); whole != whole_words_.end()) {
    out.push_back(whole->second);
  } else {
    merge_word(bytes, out, scratch);
  }
}

void Bpe::merge_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const {
  if (bytes.size() <= longest_short_word) {
    merge_short(bytes, out);
  } else {
    merge_long(bytes, out, scratch);
  }
}

std::size_t Bpe::start(std::string_view bytes, TokenId* ids) const {
  std::size_t size = 0;
  if (on_characters_) {
    for (std::size_t i = 0, length = 0; i < bytes.size(); i += length) {
      length = decode_code_point(bytes.substr(i)).size;
      const std::string_view character = bytes.substr(i, length);
      if (const auto found = characters_.find(character); found != characters_.end()) {
        ids[size++] = found->second;
      } else {
        for (const char byte : character) ids[size++] = byte_ids_[static_cast<unsigned char>(byte)];
      }
    }
    return size;
  }
  bool in_unknown = false;
  for (const char byte : bytes) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id != no_token) {
      ids[size++] = id;
    } else if (unknown_.id != no_token && !(unknown_.fuse && in_unknown)) {
      ids[size++] = unknown_.id;
    }
    in_unknown = id == no_token;
  }
  return size;
}

// Quadratic in the length, but without a heap: for words of text the faster way.
void Bpe::merge_short(std::string_view bytes, std::vector<TokenId>& out) const {
  std::array<TokenId, longest_short_word> ids;
  std::array<Rule, longest_short_word> rules;  // rules[i]: of the pair (i, i + 1)
  std::size_t size = start(bytes, ids.data());
  for (std::size_t i = 0; i + 1 < size; ++i) rules[i] = rule(ids[i], ids[i + 1]);
  for (;;) {
    std::size_t best = 0;
    std::uint32_t rank = no_rank;
    for (std::size_t i = 0; i + 1 < size; ++i) {
      if (rules[i].rank < rank) rank = rules[i].rank, best = i;
    }
    if (rank == no_rank) break;
    ids[best] = rules[best].result;
    --size;
    for (std::size_t i = best + 1; i < size; ++i) ids[i] = ids[i + 1], rules[i - 1] = rules[i];
    if (best > 0) rules[best - 1] = rule(ids[best - 1], ids[best]);
    if (best + 1 < size) rules[best] = rule(ids[best], ids[best + 1]);
  }
  out.insert(out.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(size));
}

// Symbols form a doubly linked list; a heap holds candidates (rank, left position). A candidate that an earlier merge
// made stale is recognized because the pair at its position no longer has its rank (ranks are unique to pairs).
void Bpe::merge_long(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const {
  STET_ASSERT(bytes.size() < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  constexpr TokenId gone = -1;
  std::vector<TokenId>& ids = scratch.ids;
  std::vector<std::int32_t>&next = scratch.next, &previous = scratch.previous;
  std::vector<std::uint64_t>& heap = scratch.heap;
  ids.resize(bytes.size());
  const auto size = static_cast<std::int32_t>(start(bytes, ids.data()));
  next.resize(bytes.size());
  previous.resize(bytes.size());
  heap.clear();
  for (std::int32_t i = 0; i < size; ++i) {
    next[i] = i + 1 < size ? i + 1 : -1;
    previous[i] = i - 1;
  }
  const auto push = [&](std::int32_t left) {
    if (const Rule found = rule(ids[left], ids[next[left]]); found.rank != no_rank) {
      heap.push_back(std::uint64_t{found.rank} << 32 | static_cast<std::uint32_t>(left));
      std::push_heap(heap.begin(), heap.end(), std::greater<>{});
    }
  };
  for (std::int32_t i = 0; i + 1 < size; ++i) push(i);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
    const std::uint64_t candidate = heap.back();
    heap.pop_back();
    const auto left = static_cast<std::int32_t>(candidate & 0xFFFFFFFFU);
    if (ids[left] == gone || next[left] < 0) continue;
    const std::int32_t right = next[left];
    const Rule found = rule(ids[left], ids[right]);
    if (found.rank != candidate >> 32) continue;
    ids[left] = found.result;
    ids[right] = gone;
    next[left] = next[right];
    if (next[left] >= 0) {
      previous[next[left]] = left;
      push(left);
    }
    if (previous[left] >= 0) push(previous[left]);
  }
  for (std::int32_t i = 0; i >= 0 && i < size; i = next[i]) out.push_back(ids[i]);
}

}  // namespace stet
