#include <stet/text/word_cache.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace stet {
namespace {

constexpr std::size_t most_words = std::size_t{1} << 24;

std::uint64_t mix(std::uint64_t state, std::uint64_t value) {
  state = (state ^ value) * 0x9E3779B97F4A7C15U;
  return state ^ state >> 29;
}

}  // namespace

WordCache::WordCache(std::size_t words) : capacity_(std::min(words, most_words)) {
  if (capacity_ > 0) slots_.resize(std::bit_ceil(capacity_ * 2));
}

std::uint64_t WordCache::hash(std::string_view word) {
  std::uint64_t state = word.size();
  const char* at = word.data();
  std::size_t left = word.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t value;
    std::memcpy(&value, at, 8);
    state = mix(state, value);
  }
  std::uint64_t rest = 0;
  if (left >= 4) {  // two overlapping halves
    std::uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + left - 4, 4);
    rest = std::uint64_t{high} << 32 | low;
  } else {
    for (std::size_t i = 0; i < left; ++i) rest = rest << 8 | static_cast<unsigned char>(at[i]);
  }
  state = mix(state, rest);
  return state ^ state >> 32;
}

std::span<const TokenId> WordCache::find(std::string_view word, std::uint64_t hash) const {
  if (slots_.empty()) return {};
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].text_size != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.text_size == word.size() &&
        std::memcmp(texts_.data() + slot.text, word.data(), word.size()) == 0) {
      return {ids_.data() + slot.ids, slot.ids_size};
    }
  }
  return {};
}

void WordCache::put(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
  if (slots_.empty() || word.empty() || word.size() > longest) return;
  STET_ASSERT(!ids.empty() && ids.size() <= word.size());
  if (size_ == capacity_) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    texts_.clear();
    ids_.clear();
    size_ = 0;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].text_size != 0) at = (at + 1) & mask;
  slots_[at] = {hash, static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(ids_.size()),
                static_cast<std::uint16_t>(word.size()), static_cast<std::uint16_t>(ids.size())};
  texts_ += word;
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  ++size_;
}

}  // namespace stet
