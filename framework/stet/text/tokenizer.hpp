// Text to token ids and back. Two kinds, both read and written as Hugging Face's `tokenizer.json`:
//   - byte-level BPE (GPT-2 style): model "BPE", pre-tokenizer and decoder "ByteLevel";
//   - word level: model "WordLevel", pre-tokenizer "WhitespaceSplit", for synthetic worlds.
// Anything else in the file (a normalizer, another pre-tokenizer, a post-processor that adds tokens, ...) is refused by
// name, because ignoring it would silently give other ids than the file's author saw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet {

using TokenId = std::int32_t;

/// The special token that ends every text; every tokenizer has it.
inline constexpr std::string_view end_of_text_token = "<|endoftext|>";
/// What a word-level tokenizer gives for a word that it does not know.
inline constexpr std::string_view unknown_token = "<unk>";

struct TokenizerTables;

/// Immutable after construction; copies share their tables; all members may be called from several threads at once.
class Tokenizer {
 public:
  /// Throws Error (data) that names the file and the JSON field.
  [[nodiscard]] static Tokenizer load(const std::filesystem::path& tokenizer_json);
  /// `where` names the source in error messages.
  [[nodiscard]] static Tokenizer from_json(const std::string& text, const std::string& where);

  /// The whole tokenizer as `tokenizer.json` text; from_json() of it gives an equal tokenizer.
  [[nodiscard]] std::string to_json() const;
  /// Writes to_json() atomically.
  void save(const std::filesystem::path& path) const;

  /// Added tokens (such as "<|endoftext|>") are matched first, leftmost and longest; the text between them is split and
  /// encoded. Nothing is added at the ends. Throws Error (data) if `text` is not valid UTF-8.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const;
  /// Byte level: the bytes of the tokens; bytes that are not UTF-8 become U+FFFD, as in Hugging Face's decoder.
  /// Word level: tokens joined by one space. Special tokens are left out if `skip_special`. An id outside the
  /// vocabulary is a programming error.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  /// Number of ids; they are 0..vocabulary_size()-1, without holes.
  [[nodiscard]] std::size_t vocabulary_size() const;
  /// `token` as in the file: for byte level, in GPT-2's byte characters (a space is "\u0120").
  [[nodiscard]] std::optional<TokenId> id_of(std::string_view token) const;
  [[nodiscard]] const std::string& token(TokenId id) const;
  [[nodiscard]] TokenId end_of_text() const;
  [[nodiscard]] bool is_word_level() const;
  /// Content hash of to_json(), 32 hexadecimal digits.
  [[nodiscard]] std::string hash() const;

 private:
  friend class TokenizerBuilder;
  explicit Tokenizer(std::shared_ptr<const TokenizerTables> tables) : tables_(std::move(tables)) {}

  std::shared_ptr<const TokenizerTables> tables_;  // shared by copies; never changed
};

/// Trains byte-level BPE: 256 byte tokens (ids 0..255 in GPT-2's order), "<|endoftext|>" (256), then one token a merge.
/// The most frequent pair is merged first, ties go to the smaller pair of ids: a function of the arguments alone.
/// Stops early when no pair occurs `min_frequency` times, so the result may be smaller than `vocabulary_size`.
/// Throws Error (config) if `vocabulary_size` is below 257, Error (data) if a text is not UTF-8.
[[nodiscard]] Tokenizer train_byte_level_bpe(std::span<const std::string> corpus, std::size_t vocabulary_size,
                                             std::size_t min_frequency = 2);

/// Splits on white space; "<unk>" has id 0, "<|endoftext|>" id 1, then `words` in the given order.
/// Throws Error (config) for a word that is empty, holds white space, is not UTF-8 or occurs twice.
[[nodiscard]] Tokenizer make_word_level(std::span<const std::string> words);

}  // namespace stet
