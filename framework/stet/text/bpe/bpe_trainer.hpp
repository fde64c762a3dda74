// Training of byte-level BPE from a stream of texts.
#pragma once

#include <stet/text/bpe/string_map.hpp>
#include <stet/text/pre_tokenizer.hpp>
#include <stet/text/tokenizer.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace stet {

/// Keeps how often each word (as WordSplitter cuts them) occurs, so the memory grows with the number of different words
/// and not with the length of the corpus.
class BpeTrainer {
 public:
  BpeTrainer();

  /// Counts the words of one text; a word never reaches from one text into the next. Throws Error (data) at `where` if
  /// `text` is not valid UTF-8 or has 2^31 bytes or more.
  void add(std::string_view text, const std::string& where);

  [[nodiscard]] std::size_t distinct_words() const { return counts_.size(); }

  /// 256 byte tokens (ids 0..255 in GPT-2's order), "<|endoftext|>" (256), then one token a merge.
  /// The most frequent pair is merged first, ties go to the smaller pair of ids: a function of the word counts and the
  /// arguments alone, whatever the order of the texts. Stops early when no pair occurs `min_frequency` times, so the
  /// result may be smaller than `vocabulary_size`. Throws Error (config) if `vocabulary_size` is below 257.
  [[nodiscard]] Tokenizer train(std::size_t vocabulary_size, std::size_t min_frequency = 2) const;

 private:
  PreTokenizer::Cutter cutter_;
  StringMap<std::int64_t> counts_;
};

}  // namespace stet
