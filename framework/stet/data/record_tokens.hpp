// Records as token sequences with their loss spans.
//
// A conversation is rendered in one fixed way, two lines a turn, and the assistant's turn ends with the end token:
//
//   system:            Turns stand in the order of the record. The loss acts on each assistant's content and the end
//   Be brief.          token behind it, never on the headers "system:", "user:", "assistant:" or on others' contents.
//   user:              What follows the last assistant turn cannot influence any loss and is left out. An assistant's
//   Capital of Italy?  content is encoded apart from what stands before it, so that a prompt has the same ids whatever
//   assistant:         is answered; "user:\n" begins directly behind the end token.
//   Rome<|endoftext|>
#pragma once

#include <stet/data/batch.hpp>
#include <stet/data/record.hpp>

#include <cstdint>
#include <vector>

namespace stet {

/// Appends the record's sequences to `out`; their `example` is 0.
///
/// - completion: as tokenize() (encode(prompt) + encode(completion) + end; loss on completion and end);
/// - messages: as above, one span an assistant turn;
/// - text: encode(text) + end, loss on all but the first token. Cut if it is longer than `context`: each piece after
/// the
///   first begins with the last token of the piece before it, without loss on it, so that every token but the first is
///   predicted exactly once.
///
/// Returns false, and appends nothing, if a completion or conversation is longer than `context` tokens (at least 2):
/// cut, it would be another one. Throws Error (data), without a place, if no token would have loss.
[[nodiscard]] bool tokenize_record(const Tokenizer& tokenizer, const Record& record, std::uint64_t context,
                                   std::vector<TokenSequence>& out);

}  // namespace stet
