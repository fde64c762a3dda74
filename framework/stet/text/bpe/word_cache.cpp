#include <stet/text/bpe/word_cache.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace stet {
namespace {

constexpr std::size_t most_words = std::size_t{1} << 22;

std::uint64_t mix(std::uint64_t state, std::uint64_t value) {
  state = (state ^ value) * 0x9E3779B97F4A7C15U;
  return state ^ state >> 29;
}

}  // namespace

WordCache::WordCache(std::size_t words) {
  if (words == 0) return;
  lines_.resize(std::bit_ceil(std::clamp<std::size_t>(words, 2, most_words)));
  mask_ = (lines_.size() - 1) & ~std::size_t{1};
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
  if (lines_.empty()) return {};
  for (std::size_t at = place(hash), end = at + 2; at < end; ++at) {
    const Line& line = lines_[at];
    if (line.hash == hash && line.text_size == word.size() &&
        std::memcmp(line.text.data(), word.data(), word.size()) == 0) {
      return {line.ids.data(), line.ids_size};
    }
  }
  return {};
}

void WordCache::put(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
  if (lines_.empty() || word.empty() || word.size() > longest || ids.size() > most_ids) return;
  Line& line = lines_[place(hash)];
  (&line)[1] = line;
  line.hash = hash;
  line.text_size = static_cast<std::uint8_t>(word.size());
  line.ids_size = static_cast<std::uint8_t>(ids.size());
  std::memcpy(line.text.data(), word.data(), word.size());
  std::copy(ids.begin(), ids.end(), line.ids.begin());
}

}  // namespace stet
