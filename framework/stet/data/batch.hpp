// Examples as token ids, and batches of them laid end to end without padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <stet/text/tokenizer.hpp>
#include <stet/world/fact.hpp>

namespace stet {

/// Positions [begin, end) of a sequence.
struct LossSpan {
  std::uint32_t begin = 0, end = 0;
  friend bool operator==(const LossSpan&, const LossSpan&) = default;
};

/// One text. Tokens at positions loss_begin..ids.size()-1 are predicted with loss, each from the tokens before it; or,
/// if there are `loss_spans`, those at their positions alone (the assistant's turns of a conversation, say).
struct TokenSequence {
  std::vector<TokenId> ids;
  std::uint32_t loss_begin = 1;  ///< first position whose token is predicted with loss; at least 1
  std::uint64_t example = 0;     ///< index in its data set; the key of caches
  /// Empty: one span, [loss_begin, ids.size()). Otherwise ascending, disjoint, not empty, within the sequence, and the
  /// first begins at loss_begin.
  std::vector<LossSpan> loss_spans = {};

  /// Number of tokens that are predicted with loss.
  [[nodiscard]] std::uint64_t loss_tokens() const;
};

/// ids = with `special` what the tokenizer's template puts before a text (a token for its beginning; mostly nothing),
/// encode(prompt) + encode(completion) + end_of_text. The loss acts on the completion and the end token, or on
/// all but the first token. Prompt and completion are encoded apart, so that a prompt has the same ids with any answer.
[[nodiscard]] TokenSequence tokenize(const Tokenizer& tokenizer, const Example& example, bool loss_on_everything,
                                     std::uint64_t example_index, SpecialTokens special = SpecialTokens::add);

/// B sequences of N tokens together, of which P are predicted with loss; no padding anywhere.
struct PackedBatch {
  std::vector<TokenId> tokens;            ///< [N]
  std::vector<std::int32_t> offsets;      ///< [B + 1] sequence b is rows offsets[b]..offsets[b + 1]-1
  std::vector<std::int32_t> positions;    ///< [N] position in its sequence
  std::vector<std::int64_t> loss_rows;    ///< [P] rows (into N) whose next token is predicted with loss, ascending
  std::vector<std::int64_t> targets;      ///< [P] that next token
  std::vector<std::int32_t> sequence_of;  ///< [P] the sequence (0..B-1) of the loss row
  std::vector<std::uint64_t> examples;    ///< [B] TokenSequence::example
};

/// Lays the sequences end to end, in their order. No sequences give an empty batch (offsets = {0}).
[[nodiscard]] PackedBatch pack(std::span<const TokenSequence> sequences);

}  // namespace stet
