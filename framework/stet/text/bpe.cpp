#include <stet/text/bpe.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <functional>
#include <limits>

namespace stet {
namespace {
std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}
}  // namespace

Bpe::Bpe(const std::array<TokenId, 256>& byte_ids, std::span<const Merge> merges,
         std::span<const std::string> token_bytes)
    : byte_ids_(byte_ids) {
  rules_.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto [at, added] = rules_.emplace(pair_key(merges[i].left, merges[i].right),
                                            Rule{static_cast<std::uint32_t>(i), merges[i].result});
    STET_ASSERT(added);
  }
  Scratch scratch;
  std::vector<TokenId> ids;
  for (const std::string& bytes : token_bytes) {
    if (bytes.empty()) continue;
    ids.clear();
    merge_word(bytes, ids, scratch);
    if (ids.size() == 1) whole_words_.emplace(bytes, ids[0]);
  }
}

const Bpe::Rule* Bpe::rule(TokenId left, TokenId right) const {
  const auto found = rules_.find(pair_key(left, right));
  return found == rules_.end() ? nullptr : &found->second;
}

void Bpe::encode_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const {
  if (const auto whole = whole_words_.find(bytes); whole != whole_words_.end()) {
    out.push_back(whole->second);
  } else {
    merge_word(bytes, out, scratch);
  }
}

// Symbols form a doubly linked list; a heap holds candidates (rank, left position). A candidate that an earlier merge
// made stale is recognized because the pair at its position no longer has its rank (ranks are unique to pairs).
void Bpe::merge_word(std::string_view bytes, std::vector<TokenId>& out, Scratch& scratch) const {
  STET_ASSERT(bytes.size() < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  const auto size = static_cast<std::int32_t>(bytes.size());
  constexpr TokenId gone = -1;
  auto& [ids, next, previous, heap] = scratch;
  ids.resize(bytes.size());
  next.resize(bytes.size());
  previous.resize(bytes.size());
  heap.clear();
  for (std::int32_t i = 0; i < size; ++i) {
    ids[i] = byte_ids_[static_cast<unsigned char>(bytes[i])];
    next[i] = i + 1 < size ? i + 1 : -1;
    previous[i] = i - 1;
  }
  const auto push = [&](std::int32_t left) {
    if (const Rule* found = rule(ids[left], ids[next[left]])) {
      heap.push_back(std::uint64_t{found->rank} << 32 | static_cast<std::uint32_t>(left));
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
    const Rule* found = rule(ids[left], ids[right]);
    if (found == nullptr || found->rank != candidate >> 32) continue;
    ids[left] = found->result;
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
