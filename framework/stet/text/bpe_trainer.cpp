// Training of byte-level BPE. Counts are kept per distinct word; a merge touches only the words that hold its pair.
#include <stet/base/error.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/tokenizer_tables.hpp>
#include <stet/text/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>

namespace stet {
namespace {

struct Word {
  std::vector<TokenId> ids;
  std::int64_t count = 0;
};

std::vector<Word> count_words(std::span<const std::string> corpus, const std::array<TokenId, 256>& byte_ids) {
  StringMap<std::int64_t> counts;
  const WordSplitter splitter;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    if (find_invalid_utf8(corpus[i])) {
      throw Error(ErrorKind::data, "cannot train a tokenizer on text that is not valid UTF-8")
          .at(fmt::format("text {} of the corpus", i))
          .received(mend_utf8(corpus[i].substr(0, 60)));
    }
    splitter.split(corpus[i], [&](std::string_view word) {
      const auto found = counts.find(word);
      if (found == counts.end()) {
        counts.emplace(word, 1);
      } else {
        ++found->second;
      }
    });
  }
  std::vector<Word> words;
  words.reserve(counts.size());
  for (const auto& [text, count] : counts) {
    Word word{{}, count};
    for (const char c : text) word.ids.push_back(byte_ids[static_cast<unsigned char>(c)]);
    words.push_back(std::move(word));
  }
  return words;  // in no particular order: nothing below depends on it
}

/// Pair counts with the largest at hand. Entries of the queue whose count is out of date are put right when they
/// surface.
class PairCounts {
 public:
  using Pair = std::pair<TokenId, TokenId>;

  void add(TokenId left, TokenId right, std::int64_t change, std::uint32_t word) {
    Entry& entry = entries_[key(left, right)];
    entry.count += change;
    if (change > 0) {
      if (entry.words.empty() || entry.words.back() != word) entry.words.push_back(word);
      if (!entry.changed) changed_.push_back({left, right});
      entry.changed = true;
    }
  }

  /// To be called after a batch of add(): makes grown pairs known to the queue.
  void publish() {
    for (const Pair& pair : changed_) {
      Entry& entry = entries_[key(pair.first, pair.second)];
      entry.changed = false;
      if (entry.count > 0) queue_.push({entry.count, pair});
    }
    changed_.clear();
  }

  /// The most frequent pair (ties: the smallest ids) and the words that may hold it; false if none has `least`.
  bool take(std::int64_t least, Pair& pair, std::vector<std::uint32_t>& words) {
    while (!queue_.empty()) {
      const Item top = queue_.top();
      queue_.pop();
      const auto found = entries_.find(key(top.pair.first, top.pair.second));
      if (found == entries_.end() || found->second.count <= 0) continue;
      if (found->second.count != top.count) {
        queue_.push({found->second.count, top.pair});
        continue;
      }
      if (top.count < least) return false;
      pair = top.pair;
      words = std::move(found->second.words);
      entries_.erase(found);
      return true;
    }
    return false;
  }

  /// After a merge no such pair is left; overlaps ("aaa") leave a count behind.
  void forget(const Pair& pair) { entries_.erase(key(pair.first, pair.second)); }

 private:
  struct Entry {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // may list a word twice, or one that has lost the pair
    bool changed = false;
  };
  struct Item {
    std::int64_t count;
    Pair pair;
    bool operator<(const Item& other) const { return count != other.count ? count < other.count : pair > other.pair; }
  };
  static std::uint64_t key(TokenId left, TokenId right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }

  std::unordered_map<std::uint64_t, Entry> entries_;
  std::priority_queue<Item> queue_;
  std::vector<Pair> changed_;
};

}  // namespace

Tokenizer train_byte_level_bpe(std::span<const std::string> corpus, std::size_t vocabulary_size,
                               std::size_t min_frequency) {
  constexpr std::size_t smallest = 257;
  if (vocabulary_size < smallest) {
    throw Error(ErrorKind::config, "the vocabulary is too small for byte-level BPE")
        .expected(fmt::format("at least {}: 256 bytes and <|endoftext|>", smallest))
        .received(std::to_string(vocabulary_size));
  }
  TokenizerParts parts;
  StringMap<TokenId> ids;
  std::array<TokenId, 256> byte_ids{};
  const auto add_token = [&](const std::string& token) {
    const auto [at, added] = ids.emplace(token, static_cast<TokenId>(parts.tokens.size()));
    if (added) parts.tokens.push_back(token);
    return at->second;
  };
  for (std::size_t i = 0; i < 256; ++i) byte_ids[byte_in_order(i)] = add_token(byte_character(byte_in_order(i)));
  parts.added.push_back(
      {.id = add_token(std::string(end_of_text_token)), .special = true, .in_vocabulary = true});
  parts.pre_tokenizer.words = Pattern::gpt2_words();

  std::vector<Word> words = count_words(corpus, byte_ids);
  PairCounts pairs;
  for (std::uint32_t w = 0; w < words.size(); ++w) {
    const auto& symbols = words[w].ids;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) pairs.add(symbols[i], symbols[i + 1], words[w].count, w);
  }
  pairs.publish();

  const auto least = static_cast<std::int64_t>(std::max<std::size_t>(min_frequency, 1));
  PairCounts::Pair pair;
  std::set<PairCounts::Pair> merged_pairs;
  std::vector<std::uint32_t> holders;
  while (parts.tokens.size() < vocabulary_size && pairs.take(least, pair, holders)) {
    const TokenId left = pair.first, right = pair.second;
    // Two different merges can spell the same token; it then keeps its first id. A pair with that token can so come up
    // again after its merge: the old rule covers it.
    if (merged_pairs.insert(pair).second) parts.merges.emplace_back(parts.tokens[left], parts.tokens[right]);
    const TokenId merged = add_token(parts.tokens[left] + parts.tokens[right]);
    std::sort(holders.begin(), holders.end());
    holders.erase(std::unique(holders.begin(), holders.end()), holders.end());
    for (const std::uint32_t w : holders) {
      auto& symbols = words[w].ids;
      const std::int64_t count = words[w].count;
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        if (symbols[i] != left || symbols[i + 1] != right) continue;
        if (i > 0) {
          pairs.add(symbols[i - 1], left, -count, w);
          pairs.add(symbols[i - 1], merged, count, w);
        }
        if (i + 2 < symbols.size()) {
          pairs.add(right, symbols[i + 2], -count, w);
          pairs.add(merged, symbols[i + 2], count, w);
        }
        symbols[i] = merged;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
    pairs.forget(pair);
    pairs.publish();
  }
  return TokenizerBuilder::build(std::move(parts), "trained tokenizer");
}

}  // namespace stet
