#include <stet/data/batch.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <limits>

namespace stet {

TokenSequence tokenize(const Tokenizer& tokenizer, const Example& example, bool loss_on_everything,
                       std::uint64_t example_index, SpecialTokens special) {
  TokenSequence sequence;
  sequence.example = example_index;
  if (special == SpecialTokens::add)
    sequence.ids.assign(tokenizer.before_text().begin(), tokenizer.before_text().end());
  const std::vector<TokenId> prompt = tokenizer.encode(example.prompt);
  sequence.ids.insert(sequence.ids.end(), prompt.begin(), prompt.end());
  // The first token has nothing before it to be predicted from.
  if (!loss_on_everything)
    sequence.loss_begin = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(sequence.ids.size()));
  const auto position = example.prompt.empty() ? TextPosition::beginning : TextPosition::inside;
  const std::vector<TokenId> completion = tokenizer.encode(example.completion, SpecialTokens::leave_out, position);
  sequence.ids.insert(sequence.ids.end(), completion.begin(), completion.end());
  sequence.ids.push_back(tokenizer.end_of_text());
  return sequence;
}

std::uint64_t TokenSequence::loss_tokens() const {
  if (loss_spans.empty()) return ids.size() > loss_begin ? ids.size() - loss_begin : 0;
  std::uint64_t count = 0;
  for (const LossSpan& span : loss_spans) count += span.end - span.begin;
  return count;
}

PackedBatch pack(std::span<const TokenSequence> sequences) {
  PackedBatch batch;
  std::size_t tokens = 0;
  for (const TokenSequence& sequence : sequences) tokens += sequence.ids.size();
  STET_ASSERT(tokens < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
  batch.tokens.reserve(tokens);
  batch.positions.reserve(tokens);
  batch.offsets.reserve(sequences.size() + 1);
  batch.examples.reserve(sequences.size());
  batch.offsets.push_back(0);
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const TokenSequence& sequence = sequences[b];
    STET_ASSERT(sequence.loss_begin >= 1);
    const auto begin = static_cast<std::int64_t>(batch.tokens.size());
    for (std::size_t t = 0; t < sequence.ids.size(); ++t) {
      batch.tokens.push_back(sequence.ids[t]);
      batch.positions.push_back(static_cast<std::int32_t>(t));
    }
    const auto with_loss = [&](std::size_t from, std::size_t to) {
      for (std::size_t t = from; t < to; ++t) {
        batch.loss_rows.push_back(begin + static_cast<std::int64_t>(t) - 1);
        batch.targets.push_back(sequence.ids[t]);
        batch.sequence_of.push_back(static_cast<std::int32_t>(b));
      }
    };
    if (sequence.loss_spans.empty()) with_loss(sequence.loss_begin, sequence.ids.size());
    std::size_t free = sequence.loss_begin;
    for (const LossSpan& span : sequence.loss_spans) {
      STET_ASSERT(span.begin >= free && span.begin < span.end && span.end <= sequence.ids.size());
      with_loss(span.begin, span.end);
      free = span.end;
    }
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
    batch.examples.push_back(sequence.example);
  }
  return batch;
}

}  // namespace stet
