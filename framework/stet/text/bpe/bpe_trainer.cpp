// Training of byte-level BPE. Counts are kept per distinct word; a merge touches only the words that hold its pair.
#include <stet/text/bpe/bpe_trainer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>
#include <stet/text/tokenizer_tables.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <queue>
#include <set>
#include <unordered_map>
#include <vector>

namespace stet {
namespace {

/// The words' symbols, one after the other in one array; merging shortens a word where it lies.
struct Words {
  struct Word {
    std::size_t begin = 0;
    std::uint32_t size = 0;
    std::int64_t count = 0;
  };
  std::vector<TokenId> symbols;
  std::vector<Word> words;  // in no particular order: nothing below depends on it

  Words(const StringMap<std::int64_t>& counts, const std::array<TokenId, 256>& byte_ids) {
    std::size_t bytes = 0;
    for (const auto& [text, count] : counts) bytes += text.size();
    symbols.reserve(bytes);
    words.reserve(counts.size());
    for (const auto& [text, count] : counts) {
      words.push_back({symbols.size(), static_cast<std::uint32_t>(text.size()), count});
      for (const char c : text) symbols.push_back(byte_ids[static_cast<unsigned char>(c)]);
    }
  }
};

PreTokenizer gpt2_words() {
  PreTokenizer rules;
  rules.words = Pattern::gpt2_words();
  return rules;
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

BpeTrainer::BpeTrainer() : cutter_(gpt2_words()) {}

void BpeTrainer::add(std::string_view text, const std::string& where) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  if (text.size() > most) {
    throw Error(ErrorKind::data, "a text is too long to train a tokenizer on")
        .at(where)
        .expected(fmt::format("at most {} bytes", most));
  }
  if (find_invalid_utf8(text)) {
    throw Error(ErrorKind::data, "cannot train a tokenizer on text that is not valid UTF-8")
        .at(where)
        .received(mend_utf8(text.substr(0, 60)));
  }
  cutter_.cut(text, [&](std::string_view word) {
    const auto found = counts_.find(word);
    if (found == counts_.end()) {
      counts_.emplace(word, 1);
    } else {
      ++found->second;
    }
  });
}

Tokenizer BpeTrainer::train(std::size_t vocabulary_size, std::size_t min_frequency) const {
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
  parts.added.push_back({.id = add_token(std::string(end_of_text_token)), .special = true, .in_vocabulary = true});
  parts.pre_tokenizer = gpt2_words();

  Words corpus(counts_, byte_ids);
  PairCounts pairs;
  for (std::uint32_t w = 0; w < corpus.words.size(); ++w) {
    const Words::Word& word = corpus.words[w];
    const TokenId* symbols = corpus.symbols.data() + word.begin;
    for (std::uint32_t i = 0; i + 1 < word.size; ++i) pairs.add(symbols[i], symbols[i + 1], word.count, w);
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
      Words::Word& word = corpus.words[w];
      TokenId* symbols = corpus.symbols.data() + word.begin;
      const std::int64_t count = word.count;
      std::uint32_t size = 0;  // of what is merged so far; `read` runs ahead of it
      for (std::uint32_t read = 0; read < word.size; ++size) {
        if (symbols[read] != left || read + 1 == word.size || symbols[read + 1] != right) {
          symbols[size] = symbols[read++];
          continue;
        }
        if (size > 0) {
          pairs.add(symbols[size - 1], left, -count, w);
          pairs.add(symbols[size - 1], merged, count, w);
        }
        if (read + 2 < word.size) {
          pairs.add(right, symbols[read + 2], -count, w);
          pairs.add(merged, symbols[read + 2], count, w);
        }
        symbols[size] = merged;
        read += 2;
      }
      word.size = size;
    }
    pairs.forget(pair);
    pairs.publish();
  }
  return TokenizerBuilder::build(std::move(parts), "trained tokenizer");
}

Tokenizer train_byte_level_bpe(std::span<const std::string> corpus, std::size_t vocabulary_size,
                               std::size_t min_frequency) {
  BpeTrainer trainer;
  for (std::size_t i = 0; i < corpus.size(); ++i) trainer.add(corpus[i], fmt::format("text {} of the corpus", i));
  return trainer.train(vocabulary_size, min_frequency);
}

}  // namespace stet
