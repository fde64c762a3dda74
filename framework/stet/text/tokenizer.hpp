// Text to token ids and back. Three kinds, all read and written as Hugging Face's `tokenizer.json`:
//   - byte-level BPE (GPT-2, Llama 3, Qwen 2, ... style): model "BPE"; normalizers NFC, NFD, NFKC, NFKD; pre-tokenizers
//     Split, Digits and ByteLevel; post-processors TemplateProcessing and ByteLevel; decoder ByteLevel;
//   - BPE on characters with byte fallback (Llama 2, Mistral, TinyLlama: as converted from SentencePiece): the same
//   model
//     and normalizers, and Prepend and Replace; no pre-tokenizer, or Metaspace; decoder Replace, ByteFallback, Fuse,
//     Strip;
//   - word level: model "WordLevel", pre-tokenizer "WhitespaceSplit", for synthetic worlds.
// Anything else in the file is refused by the path of its field, because ignoring it would silently give other ids than
// the file's author saw. Where implementations differ (white space outside ASCII), the Rust original is followed.
// To encode much text, use an Encoder (encoder.hpp): it keeps its buffers and remembers words.
#pragma once

#include <array>
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

/// The special token that ends every text in tokenizers made here.
inline constexpr std::string_view end_of_text_token = "<|endoftext|>";
/// The names that are looked for among the special tokens, in this order, to find the token that ends a text, where
/// neither the folder (end_token.hpp) nor a caller says which it is.
inline constexpr std::array<std::string_view, 5> end_of_text_names = {end_of_text_token, "<|end_of_text|>", "</s>",
                                                                      "<eos>", "<|im_end|>"};
/// What a word-level tokenizer gives for a word that it does not know.
inline constexpr std::string_view unknown_token = "<unk>";

/// Whether encoding adds what the file's post-processor puts around a text (such as a token for its beginning).
enum class SpecialTokens { leave_out, add };

/// Where in the whole text a piece stands that is encoded by itself: tokenizers in SentencePiece's manner put a blank
/// before the beginning alone. Of others it changes nothing.
enum class TextPosition { beginning, inside };

struct TokenizerTables;

/// Immutable after construction; copies share their tables; all members may be called from several threads at once.
class Tokenizer {
 public:
  /// Throws Error (data) that names the file and the JSON field. The token that ends a text is the one that the files
  /// beside it name (end_token.hpp). Says once in a process what it leaves out: bytes without a token, a truncation
  /// that is set.
  [[nodiscard]] static Tokenizer load(const std::filesystem::path& tokenizer_json);
  /// `where` names the source in error messages.
  [[nodiscard]] static Tokenizer from_json(const std::string& text, const std::string& where);

  /// The whole tokenizer as `tokenizer.json` text; from_json() of it gives an equal tokenizer.
  [[nodiscard]] std::string to_json() const;
  /// Writes to_json() atomically, and the end token's name into tokenizer_config.json beside it if its name is none of
  /// the usual ones.
  void save(const std::filesystem::path& path) const;
  /// What save() writes beside the file.
  void save_end_token(const std::filesystem::path& folder) const;

  /// The same tokenizer, whose texts end with another token. The name is as in the file: Error (config) if there is no
  /// such token; an id without a token is a programming error.
  [[nodiscard]] Tokenizer with_end_of_text(TokenId id) const;
  [[nodiscard]] Tokenizer with_end_of_text(std::string_view token) const;

  /// Added tokens (such as "<|endoftext|>") are matched first, leftmost and longest, as the Rust original does; the
  /// text between them is normalized, split and encoded. By default nothing is added at the ends. Throws Error (data)
  /// if `text` is not valid UTF-8 or longer than 2^31 - 1 bytes.
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text, SpecialTokens special = SpecialTokens::leave_out,
                                            TextPosition position = TextPosition::beginning) const;
  /// Byte level: the bytes of the tokens; bytes that are not UTF-8 become U+FFFD, as in Hugging Face's decoder.
  /// On characters: likewise, with spaces for the file's blanks, and without one at the very beginning.
  /// Word level: tokens joined by one space. Special tokens are left out if `skip_special`. An id outside the
  /// vocabulary is a programming error.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special = true) const;

  /// One more than the largest id. A file may leave ids between without a token: theirs is "".
  [[nodiscard]] std::size_t vocabulary_size() const;
  /// `token` as in the file: for byte level, in GPT-2's byte characters (a space is "\u0120").
  [[nodiscard]] std::optional<TokenId> id_of(std::string_view token) const;
  [[nodiscard]] const std::string& token(TokenId id) const;
  /// Throws Error (data) that lists the special tokens if nobody says which one it is.
  [[nodiscard]] TokenId end_of_text() const;
  [[nodiscard]] bool is_special(TokenId id) const;
  /// What the file's template puts before a text: a token for its beginning, mostly, or nothing.
  [[nodiscard]] std::span<const TokenId> before_text() const;
  /// Byte level: how many of the 256 bytes have no token. Such a byte of a text gives the file's `unk_token`, or
  /// nothing if it has none.
  [[nodiscard]] std::size_t bytes_without_token() const;
  [[nodiscard]] bool is_word_level() const;
  /// Content hash of to_json() and of the end token, 32 hexadecimal digits.
  [[nodiscard]] std::string hash() const;

 private:
  friend class TokenizerBuilder;
  explicit Tokenizer(std::shared_ptr<const TokenizerTables> tables) : tables_(std::move(tables)) {}

  [[nodiscard]] std::string special_tokens() const;  // their names, for messages

  std::shared_ptr<const TokenizerTables> tables_;  // shared by copies; never changed
  std::optional<TokenId> told_end_;                // by the folder or the caller
};

/// BpeTrainer (bpe_trainer.hpp) on texts in memory; throws what it throws.
[[nodiscard]] Tokenizer train_byte_level_bpe(std::span<const std::string> corpus, std::size_t vocabulary_size,
                                             std::size_t min_frequency = 2);

/// Splits on white space; "<unk>" has id 0, "<|endoftext|>" id 1, then `words` in the given order.
/// Throws Error (config) for a word that is empty, holds white space, is not UTF-8 or occurs twice.
[[nodiscard]] Tokenizer make_word_level(std::span<const std::string> words);

}  // namespace stet
