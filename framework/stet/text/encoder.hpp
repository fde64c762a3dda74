// Encoding much text with one tokenizer: buffers that live on and a memory for words.
#pragma once

#include <stet/text/tokenizer.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace stet {

/// Gives exactly the ids of Tokenizer::encode, faster. A Tokenizer is immutable and shared between threads; whatever
/// changes while encoding is in here instead, without locks: use one Encoder a thread. It keeps the tokenizer's tables
/// alive.
class Encoder {
 public:
  /// Remembers the tokens of about `cached_words` words (64 bytes each; 0: of none).
  explicit Encoder(const Tokenizer& tokenizer, std::size_t cached_words = std::size_t{1} << 16);
  ~Encoder();
  Encoder(Encoder&& other) noexcept;
  Encoder& operator=(Encoder&& other) noexcept;

  /// Appends the ids of `text` to `out`. Throws as Tokenizer::encode; `out` then is as before the call.
  void encode(std::string_view text, std::vector<TokenId>& out, SpecialTokens special = SpecialTokens::leave_out,
              TextPosition position = TextPosition::beginning);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stet
